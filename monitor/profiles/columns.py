"""What one column held: counts on frozen bins, and what was missing, infinite or unseen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.errors import InvalidValue

_Floats = NDArray[np.float64]


class NumericProfile(msgspec.Struct, frozen=True, tag="numeric"):
    """A numeric column on frozen bins.

    `edges` has k ascending numbers and `counts` k + 1 numbers of rows: bin i holds (edges[i-1], edges[i]], the first
    everything up to edges[0], the last everything above edges[-1]. `missing` and `infinite` rows are in no bin. `mean`
    and `m2` (sum of squared deviations) are those of the finite values; `low` and `high` their range, None when n = 0.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int = 0
    infinite: int = 0
    low: float | None = None
    high: float | None = None
    mean: float = 0.0
    m2: float = 0.0

    @classmethod
    def zero(cls, edges: Sequence[float]) -> NumericProfile:
        return cls(tuple(edges), (0,) * (len(edges) + 1))

    @classmethod
    def of(cls, values: NDArray[np.float64], edges: Sequence[float]) -> NumericProfile:
        """Profile of raw values, NaN meaning missing; the definition that every engine agrees with."""
        missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        finite = values[np.isfinite(values)]
        counts = np.bincount(np.searchsorted(edges, finite, side="left"), minlength=len(edges) + 1)
        if not finite.size:
            return cls(tuple(edges), tuple(counts.tolist()), missing, infinite)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers up to 1e308 are data too
            mean = float(finite.mean())
            m2 = float(((finite - mean) ** 2).sum())
        low, high = float(finite.min()), float(finite.max())
        return cls(tuple(edges), tuple(counts.tolist()), missing, infinite, low, high, mean, m2)

    @property
    def n(self) -> int:
        """Number of finite values."""
        return sum(self.counts)

    @property
    def rows(self) -> int:
        return self.n + self.missing + self.infinite

    @property
    def std(self) -> float:
        """Standard deviation (ddof 0); nan when there is no value."""
        return math.sqrt(self.m2 / self.n) if self.n else math.nan

    def merge(self, other: NumericProfile) -> NumericProfile:
        """The profile of both sets of rows (moments: Chan, Golub, LeVeque 1979)."""
        if self.edges != other.edges:
            raise InvalidValue(
                f"profiles on different bins can't be merged ({len(self.edges)} and {len(other.edges)} edges)"
            )
        return NumericProfile(
            self.edges,
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            self.missing + other.missing,
            self.infinite + other.infinite,
            _extreme(min, self.low, other.low),
            _extreme(max, self.high, other.high),
            *self._moments_with(other),
        )

    def _moments_with(self, other: NumericProfile) -> tuple[float, float]:
        ours, theirs = self.n, other.n
        if not ours or not theirs:  # the square of a huge shift times 0 rows would be nan
            some = self if ours else other
            return some.mean, some.m2
        shift, share = other.mean - self.mean, theirs / (ours + theirs)
        return self.mean + shift * share, self.m2 + other.m2 + shift * shift * ours * share

    def quantile(self, q: float) -> float:
        """The q-quantile, interpolated inside its bin; nan when there is no value."""
        if not self.n or self.low is None or self.high is None:
            return math.nan
        target, below = q * self.n, 0
        for index, count in enumerate(self.counts):
            if count and below + count >= target:
                left = self.low if index == 0 else max(self.low, self.edges[index - 1])
                right = self.high if index == len(self.edges) else min(self.high, self.edges[index])
                return left + (right - left) * (target - below) / count
            below += count
        return self.high


class CategoricalProfile(msgspec.Struct, frozen=True, tag="categorical"):
    """A categorical column on the baseline's categories; `unseen` rows held a value that is none of them."""

    categories: tuple[str, ...]
    counts: tuple[int, ...]
    unseen: int = 0
    missing: int = 0

    @classmethod
    def zero(cls, categories: Sequence[str]) -> CategoricalProfile:
        return cls(tuple(categories), (0,) * len(categories))

    @classmethod
    def of(cls, values: Iterable[str | None], categories: Sequence[str]) -> CategoricalProfile:
        """Profile of raw values, None meaning missing; the definition that every engine agrees with."""
        counts, unseen, missing = dict.fromkeys(categories, 0), 0, 0
        for value in values:
            if value is None:
                missing += 1
            elif value in counts:
                counts[value] += 1
            else:
                unseen += 1
        return cls(tuple(categories), tuple(counts.values()), unseen, missing)

    @property
    def n(self) -> int:
        """Number of values that are not missing."""
        return sum(self.counts) + self.unseen

    @property
    def rows(self) -> int:
        return self.n + self.missing

    def merge(self, other: CategoricalProfile) -> CategoricalProfile:
        """The profile of both sets of rows."""
        if self.categories != other.categories:
            raise InvalidValue("profiles on different categories can't be merged")
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return CategoricalProfile(self.categories, counts, self.unseen + other.unseen, self.missing + other.missing)


ColumnProfile = NumericProfile | CategoricalProfile


def pooled_moments(n: _Floats, mean: _Floats, m2: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Number, mean and sum of squared deviations of all parts together, from those of each part (first axis).

    The formula for two parts of Chan, Golub and LeVeque 1979, for many; parts without rows don't count.
    """
    total = n.sum(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        pooled = (n / np.maximum(total, 1) * mean).sum(axis=0)
        away = np.where(n > 0, mean - pooled, 0.0)  # 0 rows times a square too large for a float would be nan
        return total, pooled, m2.sum(axis=0) + (n * away**2).sum(axis=0)


def bin_counts(profile: ColumnProfile) -> NDArray[np.float64]:
    """The rows per bin, the unseen categories last: what distances compare."""
    counts = profile.counts if isinstance(profile, NumericProfile) else (*profile.counts, profile.unseen)
    return np.asarray(counts, dtype=np.float64)


def _extreme(pick: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return pick(a, b)
