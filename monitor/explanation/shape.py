"""The shape of a numeric column: its quantiles, from raw values or from a profile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.profiles import NumericProfile

Values = NDArray[np.float64]

LEAST_ROWS = 50
GRID = np.linspace(0.02, 0.98, 49)
_LEAST_DISTINCT = 5
_LEAST_BINS = 10


@dataclass(frozen=True, slots=True)
class Shape:
    """`quantiles` at GRID; they are `resolved` where enough bins tell them apart, else `mean` and `std` tell more."""

    n: int
    quantiles: Values
    mean: float
    std: float
    resolved: bool = True

    @property
    def spread(self) -> float:
        """The mean absolute deviation of the quantiles from the median; no single value can make it."""
        return float(np.abs(self.quantiles - np.median(self.quantiles)).mean())

    @property
    def spans_orders(self) -> bool:
        """Whether the quantiles are positive and the last is thirty times the first: ratios tell more than sums."""
        return bool(self.quantiles[0] > 0 and self.quantiles[-1] > 30 * self.quantiles[0])

    def overlap(self, other: Shape) -> float:
        """The share of either's quantiles that lie between the other's outermost ones; the smaller of the two."""
        return min(_inside(self.quantiles, other.quantiles), _inside(other.quantiles, self.quantiles))


def shape_of(column: NumericProfile | Values) -> Shape | None:
    """None for fewer than 50 finite values, and where they are so few different ones that they have no shape."""
    if isinstance(column, NumericProfile):
        return _of_profile(column)
    values = column[np.isfinite(column)]
    if values.size < LEAST_ROWS:
        return None
    quantiles = np.quantile(values, GRID)
    if np.unique(quantiles).size < _LEAST_DISTINCT:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return Shape(values.size, quantiles, float(values.mean()), float(values.std()))


def _of_profile(profile: NumericProfile) -> Shape | None:
    held = np.asarray(profile.counts) / max(profile.n, 1)
    if profile.n < LEAST_ROWS or profile.low == profile.high or not 0 < profile.std < np.inf:
        return None
    if len(profile.edges) < _LEAST_DISTINCT:
        return None
    quantiles = np.array([profile.quantile(float(q)) for q in GRID])
    resolved = bool((held > 0.01).sum() >= min(_LEAST_BINS, len(held) / 2) and held[0] + held[-1] < 0.2)
    if resolved and held.max() > 0.5:
        return None
    return Shape(profile.n, quantiles, profile.mean, profile.std, resolved)


def _inside(values: Values, others: Values) -> float:
    return float(((values >= others[0]) & (values <= others[-1])).mean())
