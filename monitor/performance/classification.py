"""Accuracy, precision, recall, F1 and AUC from counts."""

from __future__ import annotations

import math

from monitor.points import Point, point, share_point, undefined
from monitor.profiles import LabelledProfile, ScoreProfile

Confusion = dict[str, dict[str, int]]


def accuracy(profile: LabelledProfile) -> Point:
    """Share of predictions whose class is the label's."""
    hits = sum(row.get(label, 0) for label, row in profile.confusion.items())
    return share_point("accuracy", hits, profile.labelled)


def precision(profile: LabelledProfile, positive: str | None) -> Point:
    """Of the predicted positives, the share that is positive; the mean over classes when `positive` is None."""
    return _per_class("precision", profile.confusion, positive)


def recall(profile: LabelledProfile, positive: str | None) -> Point:
    """Of the positives, the share that was predicted; the mean over classes when `positive` is None."""
    return _per_class("recall", profile.confusion, positive)


def f1(profile: LabelledProfile, positive: str | None) -> Point:
    """Harmonic mean of precision and recall; the mean over classes when `positive` is None."""
    return _per_class("f1", profile.confusion, positive)


def auc(scores: ScoreProfile) -> Point:
    """Area under the ROC curve, ties counting half, with its standard error (Hanley, McNeil 1982).

    Scores are counted on a grid of 1/2048; the value differs from the exact one by at most half the share of
    (positive, negative) pairs that fall into one cell.
    """
    negatives = sum(pair[0] for pair in scores.buckets.values())
    positives = sum(pair[1] for pair in scores.buckets.values())
    n = negatives + positives
    if not n:
        return undefined("auc", 0, "no labelled prediction has a score")
    if not negatives or not positives:
        return undefined("auc", n, f"all {n} labels are of one class")
    below, wins = 0, 0.0
    for _, (here_negative, here_positive) in sorted(scores.buckets.items()):
        wins += here_positive * (below + here_negative / 2)
        below += here_negative
    value = wins / (negatives * positives)
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = value * (1 - value) + (positives - 1) * (q1 - value**2) + (negatives - 1) * (q2 - value**2)
    return point("auc", value, n, error=math.sqrt(max(variance, 0.0) / (negatives * positives)))


def _per_class(metric: str, confusion: Confusion, positive: str | None) -> Point:
    classes = (
        [positive] if positive is not None else sorted(set(confusion) | {c for r in confusion.values() for c in r})
    )
    found = [_one_class(metric, confusion, name) for name in classes]
    values = [p.value for p in found if p.value is not None]
    if len(found) == 1:
        return found[0]
    n = sum(sum(row.values()) for row in confusion.values())
    if not values:
        return undefined(metric, n, "no labelled prediction in this window")
    return point(metric, sum(values) / len(values), n)


def _one_class(metric: str, confusion: Confusion, positive: str) -> Point:
    hits = confusion.get(positive, {}).get(positive, 0)
    actual = sum(confusion.get(positive, {}).values())
    predicted = sum(row.get(positive, 0) for row in confusion.values())
    match metric:
        case "precision":
            return (
                share_point(metric, hits, predicted)
                if predicted
                else undefined(metric, 0, _nothing("predicted", positive))
            )
        case "recall":
            return share_point(metric, hits, actual) if actual else undefined(metric, 0, _nothing("labelled", positive))
        case _:
            if not actual + predicted:
                return undefined(metric, 0, _nothing("predicted or labelled", positive))
            return point(metric, 2 * hits / (actual + predicted), actual + predicted - hits)


def _nothing(what: str, positive: str) -> str:
    return f"no row is {what} {positive!r}"
