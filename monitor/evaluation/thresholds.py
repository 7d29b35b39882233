"""Thresholds: from a rule and what is normal to the bounds a value must stay within."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from monitor.errors import InvalidValue
from monitor.points import Point

LEAST_NORMAL = 5
RELATIVE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Bounds:
    """A value is fine from `low` to `high`, None being no bound; `centre` is normal, `allowed` how far it may go."""

    low: float | None = None
    high: float | None = None
    centre: float | None = None
    allowed: float | None = None


def bounds_of(threshold: Mapping[str, Any], point: Point, normal: Sequence[float]) -> Bounds | None:
    """The bounds for a point; None when there is nothing to compare with yet.

    `normal` holds the metric's values in the baseline's blocks, or in earlier windows where the baseline has none; for
    a relative threshold, the value of the window it is relative to. Raises InvalidValue for a threshold of an unknown
    kind or direction, and for a constant one without a bound.
    """
    normal = [value for value in normal if math.isfinite(value)]  # one label of 1e200 makes a block's RMSE infinite
    match threshold.get("kind"):
        case "constant":
            return _constant(threshold)
        case "baseline":
            return _band(threshold, point, normal)
        case "quantile":
            return _quantiles(threshold, normal)
        case "relative":
            return _around(fmean(normal), 0.0, threshold, default_share=RELATIVE_SHARE) if normal else None
        case other:
            accepted = "constant, baseline, quantile, relative"
            raise InvalidValue(f"threshold kind {other!r} is not known here; accepted: {accepted}")


def _constant(threshold: Mapping[str, Any]) -> Bounds:
    low, high = threshold.get("low"), threshold.get("high")
    if low is None and high is None:
        raise InvalidValue("a constant threshold needs low, high or both; it has neither")
    return Bounds(low, high)


def _band(threshold: Mapping[str, Any], point: Point, normal: Sequence[float]) -> Bounds | None:
    """Mean ± the largest of: `sigmas` deviations of what is normal, `smallest`, and `share` of the mean."""
    if not normal:
        absent = threshold.get("without_baseline")
        return Bounds(high=absent, centre=0.0, allowed=absent) if absent is not None else None
    centre = fmean(normal)
    deviation = stdev(normal) if len(normal) >= LEAST_NORMAL else _standard_error(point)
    if deviation is None:
        return None
    return _around(centre, float(threshold.get("sigmas", 3)) * deviation, threshold)


def _around(centre: float, usual: float, threshold: Mapping[str, Any], default_share: float = 0.0) -> Bounds:
    """Centre ± the largest of what is usual, `smallest`, and `share` of the centre; open where `direction` is not."""
    share = float(threshold.get("share", default_share))
    allowed = max(usual, float(threshold.get("smallest", 0.0)), share * abs(centre))
    return _directed(threshold, centre - allowed, centre + allowed, centre, allowed)


def _directed(threshold: Mapping[str, Any], low: float, high: float, centre: float, allowed: float) -> Bounds:
    direction = threshold.get("direction", "both")
    if direction not in ("low", "high", "both"):
        raise InvalidValue(f"threshold direction {direction!r} is not known; accepted: low, high, both")
    return Bounds(
        low if direction in ("low", "both") else None, high if direction in ("high", "both") else None, centre, allowed
    )


def _quantiles(threshold: Mapping[str, Any], normal: Sequence[float]) -> Bounds | None:
    """Between the `low` and `high` quantiles of what is normal, at least `smallest` and `share` from its median."""
    if len(normal) < LEAST_NORMAL:
        return None
    ordered = sorted(normal)
    centre = _quantile(ordered, 0.5)
    least = max(float(threshold.get("smallest", 0.0)), float(threshold.get("share", 0.0)) * abs(centre))
    low = min(_quantile(ordered, float(threshold.get("low", 0.01))), centre - least)
    high = max(_quantile(ordered, float(threshold.get("high", 0.99))), centre + least)
    return _directed(threshold, low, high, centre, max(centre - low, high - centre))


def _quantile(ordered: Sequence[float], q: float) -> float:
    """The q-quantile of sorted values, interpolated linearly (type 7 of Hyndman, Fan 1996)."""
    place = q * (len(ordered) - 1)
    below = min(int(place), len(ordered) - 2)
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def _standard_error(point: Point) -> float | None:
    return (point.high - point.low) / 3.92 if point.low is not None and point.high is not None else None


def breaches(point: Point, bounds: Bounds) -> bool:
    """Whether the value is out of bounds, and its own uncertainty does not explain how far it is from normal."""
    value = point.value
    if value is None or math.isnan(value):
        return False
    if bounds.low is not None and value < bounds.low:
        return bounds.centre is None or point.high is None or point.high < bounds.centre
    if bounds.high is not None and value > bounds.high:
        return bounds.centre is None or point.low is None or point.low > bounds.centre
    return False


def is_far_out(point: Point, bounds: Bounds) -> bool:
    """Whether the value is at least twice as far from normal as it may be."""
    if point.value is None or bounds.centre is None or not bounds.allowed:
        return False
    return abs(point.value - bounds.centre) >= 2 * bounds.allowed
