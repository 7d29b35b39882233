"""Distances between distribution functions over the values' own scale: Wasserstein (normed) and energy.

From profiles, each distribution function is known at the bins' edges and at the column's own ends, and is interpolated
in between; the bounds hold wherever in its bin each row may be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from monitor.drift.methods import NUMERIC, Counts, DriftMethod, Measured, Unchanged, exactly, unmeasured
from monitor.drift.pooled import Pooled
from monitor.profiles import NumericProfile

_NO_SCALE = "the reference is constant: it has no standard deviation to measure by"


@dataclass(frozen=True, slots=True)
class _Steps:
    """Between neighbouring knots: their distance, the interpolated gap at both ends, the gap's least and most size."""

    widths: Counts
    left: Counts
    right: Counts
    least: Counts
    most: Counts

    @classmethod
    def of(cls, reference: NumericProfile, current: NumericProfile) -> _Steps:
        spans = [_span(profile) for profile in (reference, current)]
        knots = np.unique(np.array([*reference.edges, *spans[0], *spans[1]], dtype=np.float64))
        knots = knots[(knots >= min(spans)[0]) & (knots <= max(high for _, high in spans))]
        ours, theirs = _Curve.of(reference, knots), _Curve.of(current, knots)
        lowest, highest = ours.floor - theirs.ceiling, ours.ceiling - theirs.floor
        least = np.maximum(np.maximum(lowest, -highest), 0.0)
        most = np.maximum(np.abs(lowest), np.abs(highest))
        return cls(np.diff(knots), ours.start - theirs.start, ours.end - theirs.end, least, most)


@dataclass(frozen=True, slots=True)
class _Curve:
    """A distribution function between neighbouring knots: interpolated at both ends, and its bounds in between."""

    start: Counts
    end: Counts
    floor: Counts
    ceiling: Counts

    @classmethod
    def of(cls, profile: NumericProfile, knots: Counts) -> _Curve:
        edges, below = np.array(profile.edges), np.cumsum(profile.counts)[:-1] / profile.n
        low, high = _span(profile)
        inside = (edges > low) & (edges < high)
        lowest = below[edges == low].sum()  # rows at the lowest value, known where it is an edge
        places = np.concatenate([[low], edges[inside], [high]]) if low != high else np.array([low])
        shares = np.concatenate([[lowest], below[inside], [1.0]]) if low != high else np.array([1.0])
        starts, ends = knots[:-1], knots[1:]
        floor = shares[np.maximum(np.searchsorted(places, starts, side="right") - 1, 0)]
        ceiling = shares[np.minimum(np.searchsorted(places, ends, side="left"), places.size - 1)]
        return cls(
            np.where(starts < low, 0.0, np.interp(starts, places, shares)),
            np.where(ends <= low, 0.0, np.interp(ends, places, shares)),
            np.where(starts < low, 0.0, floor),
            np.where(ends <= low, 0.0, ceiling),
        )


def _span(profile: NumericProfile) -> tuple[float, float]:
    """The lowest and highest value; only asked where there are values."""
    assert profile.low is not None
    assert profile.high is not None
    return profile.low, profile.high


def _normed(distance: float, deviation: float) -> float:
    """In standard deviations of the reference; 0 stays 0 whatever the scale."""
    if distance == 0:
        return 0.0
    return distance / deviation if 0 < deviation < math.inf else math.nan


def _wasserstein_rows(reference: Counts, current: Counts) -> Measured:
    pooled = Pooled.of(reference, current)
    distance = float((np.abs(pooled.gaps[:-1]) * np.diff(pooled.values)).sum())
    value = _normed(distance, 0.0 if _is_constant(reference) else float(reference.std()))
    return unmeasured(_NO_SCALE) if math.isnan(value) and _is_constant(reference) else exactly(value)


def _wasserstein_profiles(reference: NumericProfile, current: NumericProfile) -> Measured:
    steps = _Steps.of(reference, current)
    estimate, low, high = (
        float((steps.widths * size).sum()) for size in (_mean_size(steps.left, steps.right), steps.least, steps.most)
    )
    if reference.low == reference.high:
        return exactly(0.0) if high == 0 else unmeasured(_NO_SCALE)
    value, low, high = (_normed(distance, reference.std) for distance in (estimate, low, high))
    return Measured(value, value, low, high)


def _mean_size(left: Counts, right: Counts) -> Counts:
    """The mean absolute value of a straight line from `left` to `right`."""
    total = np.abs(left) + np.abs(right)
    crossing = (left**2 + right**2) / np.where(total > 0, 2 * total, 1.0)
    return np.where(left * right < 0, crossing, total / 2)


def _energy_rows(reference: Counts, current: Counts) -> Measured:
    pooled = Pooled.of(reference, current)
    return exactly(math.sqrt(2 * float((pooled.gaps[:-1] ** 2 * np.diff(pooled.values)).sum())))


def _energy_profiles(reference: NumericProfile, current: NumericProfile) -> Measured:
    steps = _Steps.of(reference, current)
    usual = (steps.left**2 + steps.left * steps.right + steps.right**2) / 3
    value, low, high = (
        math.sqrt(2 * float((steps.widths * square).sum())) for square in (usual, steps.least**2, steps.most**2)
    )
    return Measured(value, value, low, high)


def _is_constant(values: Counts) -> bool:
    return bool((values == values[0]).all())


wasserstein = DriftMethod(
    "wasserstein",
    "first Wasserstein distance (SciPy's wasserstein_distance) over the reference's standard deviation (ddof 0)",
    largest=math.inf,
    symmetric=False,
    kinds=NUMERIC,
    inclusive=True,
    unchanged_by=Unchanged.AFFINE,
    rows=_wasserstein_rows,
    profiles=_wasserstein_profiles,
)
energy = DriftMethod(
    "energy",
    "Székely 2003 (SciPy's energy_distance): the square root of twice the integral of the squared gap, in the root of "
    "the column's unit",
    largest=math.inf,
    kinds=NUMERIC,
    unchanged_by=Unchanged.SHIFT,
    rows=_energy_rows,
    profiles=_energy_profiles,
)
