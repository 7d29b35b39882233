"""Which performance metrics a model has, by what it predicts."""

from __future__ import annotations

from monitor.performance import classification as by_class
from monitor.performance.regression import regression_points
from monitor.points import Point, point, share_point
from monitor.profiles import LabelledProfile
from monitor.schemas import Task


def performance_points(profile: LabelledProfile, task: Task | None, positive_class: str | None) -> list[Point]:
    """Every performance metric of one window, `labels` (how many have come) and `label_coverage` (their share)."""
    points = [
        point("labels", profile.labelled, profile.predicted),
        share_point("label_coverage", profile.labelled, profile.predicted),
    ]
    match task:
        case Task.REGRESSION:
            points += regression_points(profile.errors)
        case Task.BINARY | Task.MULTICLASS:
            positive = positive_class if task is Task.BINARY else None
            points.append(by_class.accuracy(profile))
            points += [metric(profile, positive) for metric in (by_class.precision, by_class.recall, by_class.f1)]
            if task is Task.BINARY:
                points.append(by_class.auc(profile.scores))
    return points


def primary_metric(task: Task | None, scored: bool) -> str | None:
    """The one performance metric a model is judged by unless told otherwise; None while the task is not known."""
    if task is None:
        return None
    if task is Task.REGRESSION:
        return "mae"
    return "auc" if scored and task is Task.BINARY else "accuracy"
