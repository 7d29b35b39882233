"""How an endpoint served: how many calls, how many failed, how long they took."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LOG_GAMMA = math.log(GAMMA)
SMALLEST_MS = 1e-6


class LatencySketch(msgspec.Struct, frozen=True):
    """Latencies in milliseconds, so that any quantile of any merge is within 1 % of the true one.

    Bucket i counts latencies in (GAMMA^(i-1), GAMMA^i]. Source: DDSketch (Masson, Rim, Lee, VLDB 2019).
    """

    buckets: dict[int, int] = {}
    high: float = 0.0

    @classmethod
    def of(cls, latencies_ms: Iterable[float]) -> LatencySketch:
        buckets: dict[int, int] = {}
        high = 0.0
        for latency in latencies_ms:
            index = bucket_of(latency)
            buckets[index] = buckets.get(index, 0) + 1
            high = max(high, latency)
        return cls(buckets, high)

    @property
    def n(self) -> int:
        return sum(self.buckets.values())

    def merge(self, other: LatencySketch) -> LatencySketch:
        buckets = dict(self.buckets)
        for index, count in other.buckets.items():
            buckets[index] = buckets.get(index, 0) + count
        return LatencySketch(buckets, max(self.high, other.high))

    def quantile(self, q: float) -> float:
        """The q-quantile in milliseconds; nan when there is no latency."""
        rank = q * (self.n - 1)
        below = 0
        for index in sorted(self.buckets):
            below += self.buckets[index]
            if below > rank:
                return min(2 * GAMMA**index / (GAMMA + 1), self.high)
        return math.nan


class ServiceProfile(msgspec.Struct, frozen=True):
    """Calls of one window. `weight` is their number re-weighted by the sampling fraction (1/fraction per row).

    `summed` calls took `latency_total` milliseconds together, where a server's counters say that and no more.
    """

    rows: int = 0
    weight: float = 0.0
    client_errors: int = 0
    server_errors: int = 0
    latency: LatencySketch = LatencySketch()
    latency_total: float = 0.0
    summed: int = 0

    @property
    def errors(self) -> int:
        return self.client_errors + self.server_errors

    def merge(self, other: ServiceProfile) -> ServiceProfile:
        return ServiceProfile(
            self.rows + other.rows,
            self.weight + other.weight,
            self.client_errors + other.client_errors,
            self.server_errors + other.server_errors,
            self.latency.merge(other.latency),
            self.latency_total + other.latency_total,
            self.summed + other.summed,
        )


def bucket_of(latency_ms: float) -> int:
    """The sketch's bucket of one latency; anything below a nanosecond counts as one."""
    return math.ceil(math.log(max(latency_ms, SMALLEST_MS)) / LOG_GAMMA)
