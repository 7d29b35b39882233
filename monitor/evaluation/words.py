"""Verdicts in words."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.drift import ColumnVerdict
from monitor.evaluation.thresholds import Bounds
from monitor.points import Point

NAMES = {
    "auc": "AUC",
    "f1": "F1",
    "mae": "mean absolute error",
    "rmse": "RMSE",
    "error_rate": "error rate",
    "latency_p50": "median latency",
    "latency_p95": "p95 latency",
    "latency_p99": "p99 latency",
    "label_coverage": "label coverage",
    "drift": "feature drift",
    "prediction_drift": "prediction drift",
}
_SHARES = frozenset({"error_rate", "label_coverage", "missing_rate", "type_errors"})


def name_of(metric: str) -> str:
    """The metric's name for people.

    >>> name_of("latency_p95"), name_of("recall")
    ('p95 latency', 'recall')
    """
    return NAMES.get(metric, metric.replace("_", " "))


def unit_of(metric: str) -> str:
    if metric.startswith("latency_"):
        return "ms"
    return "share" if metric in _SHARES else ""


def format_value(metric: str, value: float) -> str:
    """The value with its unit.

    >>> format_value("error_rate", 0.034), format_value("latency_p95", 12.34), format_value("auc", 0.7149)
    ('3.4 %', '12.3 ms', '0.715')
    """
    match unit_of(metric):
        case "ms":
            return f"{value:.3g} ms"
        case "share":
            return f"{100 * value:.1f} %"
        case _:
            return f"{value:.3g}"


def point_summary(metric: str, point: Point, bounds: Bounds) -> str:
    """Such as "AUC 0.512, expected at least 0.66"."""
    name = name_of(metric)
    value = format_value(metric, point.value) if point.value is not None else "without a value"
    limits = []
    if bounds.low is not None:
        limits.append(f"at least {format_value(metric, bounds.low)}")
    if bounds.high is not None:
        limits.append(f"at most {format_value(metric, bounds.high)}")
    return f"{name[0].upper()}{name[1:]} {value}, expected {' and '.join(limits)}"


def drift_summary(flagged: Sequence[ColumnVerdict], looked_at: int, is_prediction: bool) -> str:
    """Such as "2 of 15 features drifted: temp, dewp". It goes into messages, so it quotes no value of a feature."""
    if is_prediction:
        return f"Predictions drifted: {flagged[0].why}" if flagged else "Predictions are as in the baseline"
    if not flagged:
        return f"None of {looked_at} features drifted"
    listed = ", ".join(verdict.name for verdict in flagged[:3])
    more = f" and {len(flagged) - 3} more" if len(flagged) > 3 else ""
    return f"{len(flagged)} of {looked_at} features drifted: {listed}{more}"
