"""A numeric column's profile, counted batch by batch as rows stream by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.profiles import NumericProfile
from monitor.profiles.columns import pooled_moments

# Values that are sorted at a time: they stay in the processor's cache, in memory that is asked for once.
_PART = 16_384


class NumericTally:
    """Counts equal to `NumericProfile.of` over all batches together; memory follows the bins and batches, not rows.

    A batch is sorted, and the edges are looked up in it: that costs a fifth of looking up each value in the edges, and
    the values that are infinite or missing stand at the ends.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = tuple(edges)
        self._at = np.asarray([-np.inf, *edges, np.inf, np.nan], dtype=np.float64)
        self._cuts = np.zeros(len(self._at), dtype=np.int64)
        self._rows = 0
        self._moments: list[tuple[int, float, float]] = []
        self._low: list[float] = []
        self._high: list[float] = []
        self._ordered, self._away = np.empty(_PART), np.empty(_PART)

    def add(self, values: NDArray[np.float64]) -> None:
        """Count one batch of float64 values, NaN meaning missing."""
        for first in range(0, len(values), _PART):
            self._add_part(values[first : first + _PART])

    def _add_part(self, values: NDArray[np.float64]) -> None:
        ordered = self._ordered[: len(values)]
        ordered[:] = values
        ordered.sort()  # NaN come last
        cuts = np.searchsorted(ordered, self._at, side="right")
        cuts[-2:] = np.searchsorted(ordered, self._at[-2:], side="left")  # the first infinite, the first missing
        self._cuts += cuts
        self._rows += len(ordered)
        finite = ordered[cuts[0] : cuts[-2]]
        if finite.size:
            with np.errstate(over="ignore", invalid="ignore"):
                mean = float(finite.mean())
                away = np.subtract(finite, mean, out=self._away[: finite.size])
                # Not `away @ away`: a product so small is split over threads, which wait for each other at full speed.
                self._moments.append((finite.size, mean, float(np.square(away, out=away).sum())))
            self._low.append(float(finite[0]))
            self._high.append(float(finite[-1]))

    def profile(self) -> NumericProfile:
        """The profile of every value added so far."""
        counts = tuple(np.diff(self._cuts[:-1]).tolist())
        missing = self._rows - int(self._cuts[-1])
        infinite = self._rows - missing - sum(counts)
        if not self._moments:
            return NumericProfile(self._edges, counts, missing, infinite)
        _, mean, m2 = pooled_moments(*np.array(self._moments, dtype=np.float64).T)
        low, high = min(self._low), max(self._high)
        return NumericProfile(self._edges, counts, missing, infinite, low, high, float(mean), float(m2))
