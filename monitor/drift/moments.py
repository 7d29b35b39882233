"""Tests on means and deviations: Student's t, and Levene's in Brown and Forsythe's form."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from monitor.drift.methods import NUMERIC, Counts, DriftMethod, Gives, Measured, Unchanged, exactly, unmeasured
from monitor.profiles import NumericProfile

_NO_SPREAD = "both sides are constant: there is no spread to compare by"
_TOO_FEW = "three values are needed, at least one on each side"
_NO_DISTANCES = "every value is as far from its median as every other: there is no spread to compare"
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""Distances to the median that differ by less, as a share of the largest value, are the same."""


def _t_rows(reference: Counts, current: Counts) -> Measured:
    squares = [float(((side - side.mean()) ** 2).sum()) if np.ptp(side) else 0.0 for side in (reference, current)]
    return _t_test(reference.size, current.size, float(reference.mean() - current.mean()), sum(squares))


def _t_profiles(reference: NumericProfile, current: NumericProfile) -> Measured:
    squares = sum(side.m2 if side.low != side.high else 0.0 for side in (reference, current))
    return _t_test(reference.n, current.n, reference.mean - current.mean, squares)


def _t_test(n: int, m: int, shift: float, squares: float) -> Measured:
    freedom = n + m - 2
    if freedom < 1:
        return unmeasured(_TOO_FEW)
    error = math.sqrt(squares / freedom * (1 / n + 1 / m))
    if error == 0:
        return unmeasured(_NO_SPREAD)
    statistic = shift / error
    return exactly(float(2 * special.stdtr(freedom, -abs(statistic))), statistic)


def _levene_rows(reference: Counts, current: Counts) -> Measured:
    away = [np.abs(side - np.median(side)) for side in (reference, current)]
    n, m = reference.size, current.size
    if n + m < 3:
        return unmeasured(_TOO_FEW)
    inside = sum(float(((side - side.mean()) ** 2).sum()) for side in away)
    difference = float(away[0].mean() - away[1].mean())
    # Two values that are equally frequent lie equally far from their median, but for rounding, which is no spread.
    least = _ROUNDING * float(max(np.abs(reference).max(), np.abs(current).max()))
    if math.sqrt(inside / (n + m)) <= least and abs(difference) <= least:
        return unmeasured(_NO_DISTANCES)
    statistic = _levene_statistic(n, m, difference, inside)
    return exactly(_levene_tail(statistic, n, m), statistic)


def _levene_profiles(reference: NumericProfile, current: NumericProfile) -> Measured:
    """The median is known to lie in a bin or two, and with it the mean and the sum of squares of |value - median|."""
    n, m = reference.n, current.n
    if n + m < 3:
        return unmeasured(_TOO_FEW)
    before, after = _away(reference), _away(current)
    furthest = max(before[0][2] - after[0][1], after[0][2] - before[0][1])
    nearest = max(before[0][1] - after[0][2], after[0][1] - before[0][2], 0.0)
    inside = [
        before[1][i] + after[1][i] - n * np.float64(before[0][j]) ** 2 - m * np.float64(after[0][j]) ** 2
        for i, j in _PAIRS
    ]
    statistic = _levene_statistic(n, m, before[0][0] - after[0][0], max(inside[0], 0.0))
    low = _levene_statistic(n, m, nearest, max(inside[2], 0.0)) if nearest else 0.0
    high = _levene_statistic(n, m, furthest, max(inside[1], 0.0))
    if not math.isfinite(statistic):
        return unmeasured(_NO_SPREAD) if reference.low == reference.high else exactly(math.nan)
    high = math.inf if math.isnan(high) else high
    return Measured(_levene_tail(statistic, n, m), statistic, min(low, statistic), max(high, statistic))


_PAIRS = ((0, 0), (1, 2), (2, 1))
"""Which sum of squares goes with which mean: the estimate; the least inside spread; the most."""


def _away(profile: NumericProfile) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and sum of squares of |value - median|: estimate, lower and upper bound of each."""
    assert profile.low is not None
    assert profile.high is not None
    counts = np.array(profile.counts, dtype=np.float64)
    lefts = np.maximum([-math.inf, *profile.edges], profile.low)
    rights = np.minimum([*profile.edges, math.inf], profile.high)
    held = counts > 0
    lefts, rights, counts = lefts[held], np.maximum(rights, lefts)[held], counts[held]
    middle = profile.quantile(0.5)
    cumulative = np.cumsum(counts)
    first, last = (int(np.searchsorted(cumulative, place)) for place in ((profile.n + 1) // 2, profile.n // 2 + 1))
    low, high = float(lefts[first]), float(rights[min(last, counts.size - 1)])
    middle = min(max(middle, low), high)
    means = tuple(
        float((counts * each).sum()) / profile.n
        for each in (
            _mean_distance(lefts, rights, middle),
            np.maximum(np.maximum(lefts - high, low - rights), 0.0),
            np.maximum(rights - low, high - lefts),
        )
    )
    squares = [profile.m2 + profile.n * np.float64(profile.mean - at) ** 2 for at in (middle, low, high)]
    least = profile.m2 if low <= profile.mean <= high else min(squares[1:])
    # No mean of |value - median| is above the root mean square.
    most = min(means[2], float(np.sqrt(max(squares[1:]) / profile.n)))
    return (means[0], means[1], most), (squares[0], least, max(squares[1:]))


def _mean_distance(lefts: Counts, rights: Counts, at: float) -> Counts:
    """The mean distance of an interval's points from `at`."""
    widths = rights - lefts
    inside = (lefts < at) & (at < rights)
    split = ((at - lefts) ** 2 + (rights - at) ** 2) / np.where(widths > 0, 2 * widths, 1.0)
    return np.where(inside, split, np.abs((lefts + rights) / 2 - at))


def _levene_statistic(n: int, m: int, difference: float, inside: float) -> float:
    """Brown, Forsythe 1974: between the sides over inside them, of the distances to the median."""
    between = (n * m / (n + m)) * float(np.float64(difference) ** 2)
    if inside <= 0:
        return math.nan if between == 0 else math.inf
    return (n + m - 2) * between / inside


def _levene_tail(statistic: float, n: int, m: int) -> float:
    return 0.0 if statistic == math.inf else float(special.fdtrc(1, n + m - 2, statistic))


t_test = DriftMethod(
    "t_test",
    "Student 1908, two-sided, equal variances (SciPy's ttest_ind)",
    kinds=NUMERIC,
    gives=Gives.P_VALUE,
    threshold=0.05,
    unchanged_by=Unchanged.AFFINE,
    rows=_t_rows,
    profiles=_t_profiles,
)
levene = DriftMethod(
    "levene",
    "Levene 1960 with medians: Brown, Forsythe 1974 (SciPy's levene)",
    kinds=NUMERIC,
    gives=Gives.P_VALUE,
    threshold=0.05,
    unchanged_by=Unchanged.AFFINE,
    rows=_levene_rows,
    profiles=_levene_profiles,
)
