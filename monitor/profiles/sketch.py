"""A sketch of positive numbers, such as latencies or sizes, from which any quantile can be told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

import msgspec

RELATIVE_ERROR = 0.01
GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
LOG_GAMMA = math.log(GAMMA)
SMALLEST = 1e-6

N = TypeVar("N", int, float)


class LatencySketch(msgspec.Struct, frozen=True):
    """Latencies in milliseconds (or sizes in bytes), so that any quantile of any merge is within 1 % of the true one.

    Bucket i counts values in (GAMMA^(i-1), GAMMA^i]. Source: DDSketch (Masson, Rim, Lee, VLDB 2019). `unlogged` is, per
    bucket, the calls that its rows stand for beyond themselves: the sum of 1/sampling_fraction - 1. It is empty where
    every call was logged, so that windows with different fractions merge to the quantiles of the whole traffic.
    """

    buckets: dict[int, int] = {}
    high: float = 0.0
    unlogged: dict[int, float] = {}

    @classmethod
    def of(cls, values: Sequence[float], weights: Sequence[float] | None = None) -> LatencySketch:
        """The sketch of these values; `weights` are the calls that each stands for, 1 where not said."""
        buckets: dict[int, int] = {}
        unlogged: dict[int, float] = {}
        for value, weight in zip(values, weights or [1.0] * len(values), strict=True):
            index = bucket_of(value)
            buckets[index] = buckets.get(index, 0) + 1
            if weight > 1:
                unlogged[index] = unlogged.get(index, 0.0) + weight - 1
        return cls(buckets, max(values, default=0.0), unlogged)

    @property
    def n(self) -> int:
        """Rows, not re-weighted."""
        return sum(self.buckets.values())

    def merge(self, other: LatencySketch) -> LatencySketch:
        buckets = _added(self.buckets, other.buckets)
        return LatencySketch(buckets, max(self.high, other.high), _added(self.unlogged, other.unlogged))

    def quantile(self, q: float) -> float:
        """The q-quantile of the traffic; nan when there is no row."""
        n = self.n
        return self._at(q * (n - 1) / n) if n else math.nan

    def interval(self, q: float) -> tuple[float, float]:
        """The 95 % interval of the q-quantile: the order statistics at n q ± 1.96 sqrt(n q (1 - q)).

        Source: Conover, Practical Nonparametric Statistics, 3.2. `n` is the number of rows, or, where they stand for
        different numbers of calls, that of equally weighted rows which would tell as much (Kish 1965).
        """
        n = self._effective_rows
        if not n:
            return math.nan, math.nan
        half = 1.96 * math.sqrt(q * (1 - q) / n)
        return self._at(max(0.0, q - half)), self._at(min(1.0, q + half))

    def share_above(self, limit: float) -> float:
        """The share of the traffic whose value is above the limit, give or take the bucket it falls in."""
        weights, total = self._weights, self.weight
        if not total:
            return math.nan
        edge = bucket_of(limit)
        return sum(weight for index, weight in weights.items() if index > edge) / total

    def _at(self, share: float) -> float:
        """The value below which this share of the traffic lies."""
        weights = self._weights
        ordered = sorted(weights)
        rank = share * self.weight
        for index, below in zip(ordered, accumulate(weights[each] for each in ordered), strict=True):
            if below > rank * (1 + 1e-12):
                return min(_middle(index), self.high)
        return self.high

    @property
    def _weights(self) -> Mapping[int, float]:
        if not self.unlogged:
            return self.buckets
        return {index: n + self.unlogged.get(index, 0.0) for index, n in self.buckets.items()}

    @property
    def weight(self) -> float:
        """Calls that the rows stand for."""
        return self.n + sum(self.unlogged.values())

    @property
    def _effective_rows(self) -> float:
        if not self.unlogged:
            return self.n
        # Within a bucket rows are taken to weigh the same.
        squares = sum((n + self.unlogged.get(index, 0.0)) ** 2 / n for index, n in self.buckets.items() if n)
        return self.weight**2 / squares if squares else 0.0


def bucket_of(value: float) -> int:
    """The sketch's bucket of one value; anything below a millionth counts as one."""
    return math.ceil(math.log(max(value, SMALLEST)) / LOG_GAMMA)


def _middle(index: int) -> float:
    return 2 * GAMMA**index / (GAMMA + 1)


def _added(a: Mapping[int, N], b: Mapping[int, N]) -> dict[int, N]:
    both = dict(a)
    for index, count in b.items():
        both[index] = both[index] + count if index in both else count
    return both
