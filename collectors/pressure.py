"""Whether to take one more request: a pure decision from how full the inbox, the disk and the memory are.

429 tells a sender to slow down (too much is being worked on, or the flusher is far behind), 503 that nothing can be
stored (the inbox is at its cap, the disk is nearly full). Both carry Retry-After. What went over its limit must fall
well below it before records are taken again, so that the answer does not flap; then it recovers by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from monitor.config import CollectorSettings

RELEASE = 0.8
"""The share of its limit to which a figure must fall before it counts as fine again."""

_LONGEST_RETRY = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured, at most a tenth of a second ago. `free_bytes` is of the disk that the inbox is on."""

    inbox_bytes: int = 0
    oldest_waiting_seconds: float = 0
    free_bytes: int = 2**63


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a request is not taken, and when to try again (seconds)."""

    status: int
    retry_after: int
    reason: str


@dataclass(frozen=True, slots=True)
class Over:
    """Which figures are over their limits; passed back in with the next load, for the hysteresis."""

    inbox: bool = False
    disk: bool = False
    lag: bool = False


def judge(load: Load, before: Over, limits: CollectorSettings) -> Over:
    """Which figures are over their limits now, given which were before."""
    return Over(
        inbox=_is_over(load.inbox_bytes, limits.inbox_max_bytes, before.inbox),
        disk=load.free_bytes < limits.min_free_bytes / (RELEASE if before.disk else 1),
        lag=_is_over(load.oldest_waiting_seconds, limits.max_lag_seconds, before.lag),
    )


class Pressure:
    """Asked once per request. A refresher calls `measured` every tenth of a second or so, from any thread."""

    def __init__(self, limits: CollectorSettings) -> None:
        self._limits = limits
        self._over = Over()
        self._rejection: Rejection | None = None

    @property
    def rejection(self) -> Rejection | None:
        """What stands against every request now, whatever its size."""
        return self._rejection

    def measured(self, load: Load) -> None:
        self._over = judge(load, self._over, self._limits)
        self._rejection = _rejection(load, self._over, self._limits)

    def decide(self, requests_in_flight: int = 0, bytes_in_flight: int = 0) -> Rejection | None:
        """None admits the request. The figures in flight are those of the others; a lone request is always let in."""
        if self._rejection is not None:
            return self._rejection
        limits = self._limits
        if requests_in_flight >= limits.max_requests_in_flight:
            most = f"max_requests_in_flight = {limits.max_requests_in_flight}"
            return Rejection(429, 1, f"{requests_in_flight} requests are being worked on; accepted: up to {most}")
        if requests_in_flight and bytes_in_flight >= limits.max_bytes_in_flight:
            most = f"max_bytes_in_flight = {limits.max_bytes_in_flight}"
            return Rejection(429, 1, f"bodies of {bytes_in_flight} bytes are being read; accepted: up to {most}")
        return None


def _is_over(value: float, limit: float, before: bool) -> bool:
    return value >= limit * (RELEASE if before else 1)


def _rejection(load: Load, over: Over, limits: CollectorSettings) -> Rejection | None:
    if over.disk:
        least = f"min_free_bytes = {limits.min_free_bytes}"
        return Rejection(503, 30, f"the disk is nearly full: {load.free_bytes} bytes are free; needed: {least}")
    if over.inbox:
        most = f"inbox_max_bytes = {limits.inbox_max_bytes}"
        return Rejection(503, 5, f"the inbox is full: {load.inbox_bytes} bytes wait in it; accepted: up to {most}")
    if over.lag:
        behind = load.oldest_waiting_seconds
        retry = min(_LONGEST_RETRY, max(1, ceil(behind - RELEASE * limits.max_lag_seconds)))
        most = f"max_lag_seconds = {limits.max_lag_seconds:g}"
        return Rejection(429, retry, f"records wait {behind:.0f} s for the lake; accepted: up to {most}")
    return None
