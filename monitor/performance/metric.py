"""Which performance metrics a model has, by what it predicts."""

from __future__ import annotations

from monitor.performance.classification import Costs, confusion_points, cost_points
from monitor.performance.labels import label_points
from monitor.performance.multilabel import multilabel_points
from monitor.performance.probability import one_vs_rest_points, probability_points
from monitor.performance.probability import ranking_points as score_points
from monitor.performance.ranking import ranking_points
from monitor.performance.regression import regression_points
from monitor.points import Point, point, undefined
from monitor.profiles import CustomValue, LabelledProfile
from monitor.schemas import Task

PERFORMANCE_METRICS = frozenset(
    {
        *("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auc", "pr_auc"),
        *("log_loss", "brier", "calibration_error", "cost", "cost_per_prediction"),
        *("mae", "rmse", "mape", "r2", "bias", "pinball_10", "pinball_50", "pinball_90"),
        *("ndcg", "map", "mrr", "hit_rate"),
    }
)
"""The metrics that need labels, and so wait until most have come."""


def performance_points(
    profile: LabelledProfile, task: Task | None, positive_class: str | None, costs: Costs | None = None
) -> list[Point]:
    """Every performance metric of one window or range, and how many labels there are and how late they were.

    `costs` (classes only) adds what the predictions cost; custom metrics are there where the profile has them.
    """
    points = label_points(profile)
    match task:
        case Task.REGRESSION:
            points += regression_points(profile.errors)
        case Task.BINARY:
            points += confusion_points(profile, positive_class)
            points += [*score_points(profile.scores), *probability_points(profile.probabilities)]
        case Task.MULTICLASS:
            points += confusion_points(profile, None)
            points += [*one_vs_rest_points(profile.classes, profile.spread), *probability_points(profile.probabilities)]
        case Task.MULTILABEL:
            points += multilabel_points(profile.multilabel)
        case Task.RANKING:
            points += ranking_points(profile.ranking)
    if costs and task in (Task.BINARY, Task.MULTICLASS):
        points += cost_points(profile.confusion, costs)
    return [*points, *(_custom(name, found) for name, found in profile.custom.items())]


def _custom(name: str, found: CustomValue) -> Point:
    if found.value is None:
        return undefined(name, found.n, found.reason or "the function gave no number")
    return point(name, found.value, found.n, error=found.error)


def primary_metric(task: Task | None, scored: bool) -> str | None:
    """The one performance metric a model is judged by unless told otherwise; None while the task is not known."""
    match task:
        case None:
            return None
        case Task.REGRESSION:
            return "mae"
        case Task.RANKING:
            return "ndcg"
        case Task.BINARY if scored:
            return "auc"
        case _:
            return "accuracy"
