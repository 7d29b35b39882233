"""How an endpoint served: how many calls, how many failed, how long they took, how large they were, what they used."""

from __future__ import annotations

import msgspec

from monitor.profiles.sketch import GAMMA, LOG_GAMMA, RELATIVE_ERROR, SMALLEST, LatencySketch, bucket_of
from monitor.profiles.usage import Usage, merge_usage

SMALLEST_MS = SMALLEST

__all__ = [
    "GAMMA",
    "LOG_GAMMA",
    "RELATIVE_ERROR",
    "SMALLEST_MS",
    "LatencySketch",
    "ServiceProfile",
    "bucket_of",
]


class ServiceProfile(msgspec.Struct, frozen=True):
    """Calls of one window. `weight` is their number re-weighted by the sampling fraction (1/fraction per row).

    `summed` calls took `latency_total` milliseconds together, where a server's counters say that and no more.
    `timeouts` are among the errors, as a rule. `unlogged` has, for `client_errors`, `server_errors` and `timeouts`, the
    calls that the rows stand for beyond themselves (the sum of 1/fraction - 1); it is empty where every call was
    logged. `squares` is the sum of 1/fraction², by which the precision of a share is known.
    """

    rows: int = 0
    weight: float = 0.0
    client_errors: int = 0
    server_errors: int = 0
    latency: LatencySketch = LatencySketch()
    latency_total: float = 0.0
    summed: int = 0
    timeouts: int = 0
    unlogged: dict[str, float] = {}
    squares: float = 0.0
    request_bytes: LatencySketch = LatencySketch()
    response_bytes: LatencySketch = LatencySketch()
    resources: dict[str, Usage] = {}

    @property
    def errors(self) -> int:
        return self.client_errors + self.server_errors

    @property
    def effective_rows(self) -> float:
        """Rows of equal weight that would tell as much (Kish, Survey Sampling, 1965)."""
        return self.weight**2 / self.squares if self.squares else float(self.rows)

    def share(self, *kinds: str) -> float:
        """The share of all calls that were of these kinds; 0 without a call."""
        counted: int = sum(getattr(self, kind) for kind in kinds)
        if not self.unlogged:
            return counted / self.rows if self.rows else 0.0
        return (counted + sum(self.unlogged.get(kind, 0.0) for kind in kinds)) / self.weight

    def merge(self, other: ServiceProfile) -> ServiceProfile:
        return ServiceProfile(
            self.rows + other.rows,
            self.weight + other.weight,
            self.client_errors + other.client_errors,
            self.server_errors + other.server_errors,
            self.latency.merge(other.latency),
            self.latency_total + other.latency_total,
            self.summed + other.summed,
            self.timeouts + other.timeouts,
            {
                kind: self.unlogged.get(kind, 0.0) + other.unlogged.get(kind, 0.0)
                for kind in {**self.unlogged, **other.unlogged}
            },
            self.squares + other.squares,
            self.request_bytes.merge(other.request_bytes),
            self.response_bytes.merge(other.response_bytes),
            merge_usage(self.resources, other.resources),
        )
