"""Verdicts in words."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.drift import ColumnVerdict
from monitor.evaluation.thresholds import Bounds
from monitor.metrics import describe, format_value
from monitor.points import Point


def point_summary(metric: str, point: Point, bounds: Bounds) -> str:
    """Such as "AUC 0.51, expected at least 0.66"."""
    if point.value is None:
        return f"{describe(metric).title} has no value"
    limits = [
        (word, limit) for word, limit in (("at least", bounds.low), ("at most", bounds.high)) if limit is not None
    ]
    value = format_value(metric, point.value)
    if any(limit != point.value and format_value(metric, limit) == value for _, limit in limits):
        value = _precise(metric, point.value)  # rounding must not make a breach look like none
    expected = " and ".join(f"{word} {format_value(metric, limit)}" for word, limit in limits)
    return f"{describe(metric).title} {value}, expected {expected}"


def _precise(metric: str, value: float) -> str:
    info = describe(metric)
    return f"{100 * value:.5g} %" if info.share else f"{value:.5g} {info.unit}".rstrip()


def drift_summary(flagged: Sequence[ColumnVerdict], looked_at: int, whole: str = "") -> str:
    """Such as "2 of 15 features drifted: temp, dewp". It goes into messages, so it quotes no value of a feature.

    `whole` says what one distribution is of, such as "Predictions"; features otherwise.
    """
    if whole:
        return f"{whole} drifted ({flagged[0].why})" if flagged else f"{whole} are as in the baseline"
    if not flagged:
        return f"None of {looked_at} features drifted"
    listed = ", ".join(verdict.name for verdict in flagged[:3])
    more = f" and {len(flagged) - 3} more" if len(flagged) > 3 else ""
    return f"{len(flagged)} of {looked_at} features drifted: {listed}{more}"
