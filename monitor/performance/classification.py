"""Accuracy, balanced accuracy, precision, recall, F1, confusion and cost from counts of (label, prediction) pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from monitor.performance.intervals import mean_of_shares, mean_point, wilson
from monitor.points import Point, point, share_point, undefined
from monitor.profiles import LabelledProfile

Confusion = dict[str, dict[str, int]]
Costs = Mapping[str, Mapping[str, float]]
"""What a prediction costs: label → prediction → money. A gain is below zero, a pair that is not there costs nothing."""

MOST_CLASSES_SHOWN = 5
_NO_ROWS = "no labelled prediction in this window"


def confusion_points(profile: LabelledProfile, positive: str | None) -> list[Point]:
    """Every metric of the confusion; precision, recall and F1 of the class `positive`, of all classes when None."""
    confusion = profile.confusion
    return [
        accuracy(profile),
        balanced_accuracy(confusion),
        precision(confusion, positive),
        recall(confusion, positive),
        f1(confusion, positive),
        *pairs(confusion),
    ]


def accuracy(profile: LabelledProfile) -> Point:
    """Share of predictions whose class is the label's."""
    hits = sum(row.get(label, 0) for label, row in profile.confusion.items())
    return share_point("accuracy", hits, profile.labelled)


def balanced_accuracy(confusion: Confusion) -> Point:
    """The mean over the labels' classes of the share that was predicted right."""
    shares = [(row.get(label, 0), total) for label, row in confusion.items() if (total := sum(row.values()))]
    n = sum(total for _, total in shares)
    return mean_of_shares("balanced_accuracy", shares, n) if n else undefined("balanced_accuracy", 0, _NO_ROWS)


def precision(confusion: Confusion, positive: str | None) -> Point:
    """Of the predicted positives, the share that is positive.

    When `positive` is None, the mean over classes; one that was never predicted counts as 0, as in scikit-learn.
    """
    return _share("precision", confusion, positive)


def recall(confusion: Confusion, positive: str | None) -> Point:
    """Of the positives, the share that was predicted.

    When `positive` is None, the mean over classes; one that only predictions have counts as 0, as in scikit-learn.
    """
    return _share("recall", confusion, positive)


def f1(confusion: Confusion, positive: str | None) -> Point:
    """The harmonic mean of precision and recall, F; the mean over classes when `positive` is None.

    F / (2 - F) is the share of right ones among the rows that are predicted or labelled positive, so its interval is
    that share's, mapped back. The mean over classes has the multinomial delta method's (Takahashi et al. 2022).
    """
    if positive is not None:
        hits, actual, predicted = _of_class(confusion, positive)
        either = actual + predicted - hits
        if not either:
            return undefined("f1", 0, _nothing("predicted or labelled", positive))
        low, high = wilson(hits / either, either)
        return Point("f1", 2 * hits / (actual + predicted), either, "", 2 * low / (1 + low), 2 * high / (1 + high))
    names, counts = _table(confusion)
    n = int(counts.sum())
    if not n:
        return undefined("f1", 0, _NO_ROWS)
    hit, either_sum = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1)
    each = 2 * hit / either_sum
    pull = each / either_sum
    slope = -(pull[:, None] + pull[None, :]) + np.diag(2 / either_sum)
    slope *= n / len(names)
    variance = float((counts * slope**2).sum() / n - ((counts * slope).sum() / n) ** 2) / n
    return _inside(point("f1", float(each.mean()), n, error=math.sqrt(max(variance, 0.0))))


def counted_share(metric: str, hits: int, of: int, what: str, positive: str) -> Point:
    return share_point(metric, hits, of) if of else undefined(metric, 0, _nothing(what, positive))


def pairs(confusion: Confusion) -> list[Point]:
    """How many rows each (label, prediction) pair has, for up to five classes; the profile has them all."""
    names = classes_of(confusion)
    if len(names) > MOST_CLASSES_SHOWN:
        return []
    return [
        point("confusion", count, sum(confusion[label].values()), f"label={label}, prediction={prediction}")
        for label in names
        for prediction in names
        if (count := confusion.get(label, {}).get(prediction, 0)) or label in confusion
    ]


def cost_points(confusion: Confusion, costs: Costs) -> list[Point]:
    """`cost`, what the labelled predictions cost together, and `cost_per_prediction`, in the unit of `costs`."""
    cells = [
        (count, float(costs.get(label, {}).get(prediction, 0.0)))
        for label, row in confusion.items()
        for prediction, count in row.items()
    ]
    n = sum(count for count, _ in cells)
    total, square = sum(c * cost for c, cost in cells), sum(c * cost * cost for c, cost in cells)
    mean = mean_point("cost_per_prediction", total, square, n, _NO_ROWS)
    if mean.value is None:
        return [undefined("cost", n, mean.reason), mean]
    low, high = (bound * n if bound is not None else None for bound in (mean.low, mean.high))
    return [Point("cost", total, n, "", low, high), mean]


def classes_of(confusion: Confusion) -> list[str]:
    """The classes that labels or predictions have, sorted."""
    return sorted(set(confusion).union(*confusion.values()))


def _share(metric: str, confusion: Confusion, positive: str | None) -> Point:
    of_predicted = metric == "precision"
    if positive is not None:
        hits, actual, predicted = _of_class(confusion, positive)
        of, what = (predicted, "predicted") if of_predicted else (actual, "labelled")
        return counted_share(metric, hits, of, what, positive)
    names, counts = _table(confusion)
    if not names:
        return undefined(metric, 0, _NO_ROWS)
    totals = counts.sum(axis=0 if of_predicted else 1)
    shares = [(int(hit), int(total)) for hit, total in zip(np.diag(counts), totals, strict=True)]
    return mean_of_shares(metric, shares, int(counts.sum()))


def _of_class(confusion: Confusion, positive: str) -> tuple[int, int, int]:
    """How many rows are rightly predicted, labelled and predicted as this class."""
    hits = confusion.get(positive, {}).get(positive, 0)
    actual = sum(confusion.get(positive, {}).values())
    return hits, actual, sum(row.get(positive, 0) for row in confusion.values())


def _table(confusion: Confusion) -> tuple[list[str], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """The classes, and the counts with a row per label and a column per prediction."""
    names = classes_of(confusion)
    place = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for label, row in confusion.items():
        for prediction, count in row.items():
            counts[place[label], place[prediction]] = count
    return names, counts


def _inside(found: Point) -> Point:
    """The point with its interval cut to [0, 1]."""
    if found.low is None or found.high is None:
        return found
    return Point(found.metric, found.value, found.n, "", max(0.0, found.low), min(1.0, found.high))


def _nothing(what: str, positive: str) -> str:
    return f"no row is {what} {positive!r}"
