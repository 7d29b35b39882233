"""Estimated performance of a window as points, and how far estimates were from what labels said in the end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.estimation.cbpe import BinaryCbpe, Estimate, MulticlassCbpe
from monitor.estimation.errors import ErrorModel
from monitor.estimation.estimator import Estimator
from monitor.estimation.grid import estimate_grid
from monitor.points import Point, Status, undefined
from monitor.profiles import WindowProfile
from monitor.profiles.scored import ScoredProfile

CLASSIFICATION = ("accuracy", "auc", "f1", "precision", "recall", "specificity", "pr_auc")
REGRESSION = ("mae", "rmse")
PREFIX = "estimated_"
ERROR_PREFIX = "estimation_error_"
ESTIMATED_METRICS = frozenset(PREFIX + name for name in (*CLASSIFICATION, *REGRESSION))
# Points show 95 % intervals.
_ERRORS = 1.96
LEAST_COVERAGE = 0.5
"""Below this share of labels, what they say is no measure of an estimate that is about all predictions."""

THRESHOLDS: Mapping[str, dict[str, Any]] = {
    "estimated_accuracy": {"kind": "baseline", "direction": "low", "sigmas": 3, "smallest": 0.02},
    "estimated_auc": {"kind": "baseline", "direction": "low", "sigmas": 3, "smallest": 0.02},
    "estimated_mae": {"kind": "baseline", "direction": "high", "sigmas": 3, "share": 0.2},
}
"""The default thresholds: what the realised metric (`realised_metric`) was in the baseline's blocks, mean and three
deviations; and the least change worth a message. It may be less than a realised metric's, which labels make noisier."""


def realised_metric(metric: str) -> str:
    """The metric that an estimate foretells, and is compared with; any other metric is its own.

    >>> realised_metric("estimated_auc"), realised_metric("error_rate")
    ('auc', 'error_rate')
    """
    return metric.removeprefix(PREFIX)


def estimated_points(estimator: Estimator, profile: WindowProfile) -> list[Point]:
    """`estimated_accuracy`, `estimated_auc`, `estimated_mae` … of one window or range, whether it has labels or not.

    Intervals are 95 % for what labels of so many rows will say, widened by the bound of the grid's error.
    """
    match estimator:
        case ErrorModel():
            return _regression(estimator, profile)
        case BinaryCbpe():
            return _binary(estimator, profile.scored)
        case MulticlassCbpe():
            return _multiclass(estimator, profile.scored)


def estimation_error_points(estimated: Sequence[Point], realised: Sequence[Point]) -> list[Point]:
    """`estimation_error_auc` …: estimate minus realised metric, for each metric that labels have come for.

    `realised` are the window's performance points. The interval is that of a difference of two independent values.
    `insufficient` while fewer than half of the predictions have labels (`label_coverage`).
    """
    known = {point.metric: point for point in realised if not point.column and point.status is Status.OK}
    coverage = known["label_coverage"].value if "label_coverage" in known else None
    status, reason = Status.OK, ""
    if coverage is not None and coverage < LEAST_COVERAGE:
        status, reason = Status.INSUFFICIENT, f"labels have come for {coverage:.0%} of the predictions"
    points = []
    for estimate in estimated:
        name = realised_metric(estimate.metric)
        label = known.get(name)
        if label is None or label.value is None or estimate.value is None:
            continue
        value, half = estimate.value - label.value, math.hypot(_half(estimate), _half(label))
        known_half = not math.isnan(half)
        low, high = (value - half, value + half) if known_half else (None, None)
        points.append(Point(ERROR_PREFIX + name, value, label.n, "", low, high, status, reason))
    return points


def _binary(estimator: BinaryCbpe, scored: ScoredProfile) -> list[Point]:
    n = scored.positive.rows + scored.negative.rows
    if not n:
        return _nothing(CLASSIFICATION, "no prediction of this window has a score")
    found = estimate_grid(estimator, scored)
    reasons = dict.fromkeys(("auc", "pr_auc"), "only one class is to be expected")
    if not scored.positive.rows:
        reasons["precision"] = f"no row is predicted {estimator.positive!r}"
    return [
        _point(metric, found[metric].estimate, 1.0, found[metric].slack, reasons.get(metric, ""))
        for metric in CLASSIFICATION
    ]


def _multiclass(estimator: MulticlassCbpe, scored: ScoredProfile) -> list[Point]:
    sample = scored.sample
    found = estimator.estimate(sample.predictions, sample.scores)
    if not found["accuracy"].n:
        classes = ", ".join(estimator.classes[:5]) + (" …" if len(estimator.classes) > 5 else "")
        return _nothing(CLASSIFICATION, f"no prediction of this window has scores of all classes ({classes})")
    return [_point(metric, found[metric], 1.0, reason="a class is not to be expected") for metric in CLASSIFICATION]


def _regression(estimator: ErrorModel, profile: WindowProfile) -> list[Point]:
    if profile.prediction is None or not profile.prediction.n:
        return _nothing(REGRESSION, "no prediction of this window is a number")
    found = estimator.estimate(profile.columns, profile.prediction)
    reason = "a feature is absent, or its bins are not those the estimator was fitted on"
    return [_point(metric, found[metric], math.inf, reason=reason) for metric in REGRESSION]


def _point(metric: str, estimate: Estimate, highest: float, slack: float = math.nan, reason: str = "") -> Point:
    if math.isnan(estimate.value) or (metric == "precision" and reason):
        return undefined(PREFIX + metric, estimate.n, reason)
    half = _ERRORS * estimate.error + (0.0 if math.isnan(slack) else slack)
    if math.isnan(half):
        return Point(PREFIX + metric, estimate.value, estimate.n)
    low, high = max(0.0, estimate.value - half), min(highest, estimate.value + half)
    return Point(PREFIX + metric, estimate.value, estimate.n, "", low, high)


def _nothing(metrics: Sequence[str], reason: str) -> list[Point]:
    return [undefined(PREFIX + metric, 0, reason) for metric in metrics]


def _half(point: Point) -> float:
    return (point.high - point.low) / 2 if point.low is not None and point.high is not None else math.nan
