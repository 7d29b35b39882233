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


@dataclass(frozen=True, slots=True)
class Bounds:
    """A value is fine from `low` to `high`, None being no bound; `centre` is normal, `allowed` how far it may go."""

    low: float | None = None
    high: float | None = None
    centre: float | None = None
    allowed: float | None = None


def bounds_of(threshold: Mapping[str, Any], point: Point, normal: Sequence[float]) -> Bounds | None:
    """The bounds for a point; None when there is nothing to compare with yet.

    `normal` holds the metric's values in the baseline's blocks, or in earlier windows where the baseline has none.
    Raises InvalidValue for a threshold of an unknown kind or direction, and for a constant one without a bound.
    """
    match threshold.get("kind"):
        case "constant":
            return _constant(threshold)
        case "baseline":
            return _band(threshold, point, normal)
        case other:
            raise InvalidValue(f"threshold kind {other!r} is not known here; accepted: constant, baseline")


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
    allowed = max(
        float(threshold.get("sigmas", 3)) * deviation,
        float(threshold.get("smallest", 0.0)),
        float(threshold.get("share", 0.0)) * abs(centre),
    )
    direction = threshold.get("direction", "both")
    if direction not in ("low", "high", "both"):
        raise InvalidValue(f"threshold direction {direction!r} is not known; accepted: low, high, both")
    return Bounds(
        centre - allowed if direction in ("low", "both") else None,
        centre + allowed if direction in ("high", "both") else None,
        centre,
        allowed,
    )


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
