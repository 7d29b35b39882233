"""Two sorted samples laid together: what rank statistics and distances between distribution functions are read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pooled:
    """Distinct values in ascending order, and how many of the n reference and m current rows are at or below each."""

    values: Numbers
    reference: Numbers
    current: Numbers

    @classmethod
    def of(cls, reference: Numbers, current: Numbers) -> Pooled:
        """Finite numbers in any order. Costs two sorts and a merge (numpy's stable sort merges sorted runs)."""
        pooled = np.concatenate([np.sort(reference), np.sort(current)])
        order = np.argsort(pooled, kind="stable")
        values = pooled[order]
        before = np.cumsum(order < reference.size, dtype=np.float64)
        below = np.arange(1, pooled.size + 1, dtype=np.float64)
        is_last = values[1:] != values[:-1]
        if not is_last.all():
            last = np.append(np.flatnonzero(is_last), pooled.size - 1)
            values, before, below = values[last], before[last], below[last]
        return cls(values, before, below - before)

    @property
    def n(self) -> float:
        return float(self.reference[-1])

    @property
    def m(self) -> float:
        return float(self.current[-1])

    @property
    def has_ties(self) -> bool:
        return self.values.size < self.n + self.m

    @property
    def gaps(self) -> Numbers:
        """Reference's minus current's distribution function at each value."""
        return np.asarray(self.reference / self.n - self.current / self.m, dtype=np.float64)

    @property
    def rows(self) -> Numbers:
        """Rows at each value, both sides together."""
        return np.diff(self.reference + self.current, prepend=0.0)


@dataclass(frozen=True, slots=True)
class BinnedGaps:
    """Rows per bin of both sides, and the range in which the gap of the distribution functions stays within each bin.

    `left` and `right` are the gap at the bin's edges, where it is known exactly.
    """

    reference: Numbers
    current: Numbers
    left: Numbers
    right: Numbers
    low: Numbers
    high: Numbers

    @classmethod
    def of(cls, reference: Numbers, current: Numbers) -> BinnedGaps:
        before, after = reference / reference.sum(), current / current.sum()
        right = np.cumsum(before) - np.cumsum(after)
        left = np.concatenate([[0.0], right[:-1]])
        return cls(reference, current, left, right, left - after, left + before)

    @property
    def least(self) -> Numbers:
        """The smallest the gap can be in each bin, in absolute value."""
        return np.maximum(np.maximum(self.low, -self.high), 0.0)

    @property
    def most(self) -> Numbers:
        """The largest the gap can be in each bin, in absolute value."""
        return np.maximum(np.abs(self.low), np.abs(self.high))
