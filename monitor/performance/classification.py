"""Accuracy, balanced accuracy, precision, recall, F1, confusion and cost from counts of (label, prediction) pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from monitor.performance.intervals import logit_bounds, mean_of_shares, mean_point
from monitor.points import Point, point, share_interval, share_point, undefined
from monitor.profiles import LabelledProfile

Confusion = dict[str, dict[str, int]]
_Places = NDArray[np.int64]
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
    that share's, mapped back. The mean over classes has the multinomial delta method's (Takahashi et al. 2022), on the
    logit scale.
    """
    if positive is not None:
        hits, actual, predicted = _of_class(confusion, positive)
        either = actual + predicted - hits
        if not either:
            return undefined("f1", 0, _nothing("predicted or labelled", positive))
        low, high = share_interval(hits / either, either)
        return Point("f1", 2 * hits / (actual + predicted), either, "", 2 * low / (1 + low), 2 * high / (1 + high))
    names, label, prediction, counts = _cells(confusion)
    n = int(counts.sum())
    if not n:
        return undefined("f1", 0, _NO_ROWS)
    is_hit, k = label == prediction, len(names)
    either_sum = np.bincount(label, counts, k) + np.bincount(prediction, counts, k)
    each = 2 * np.bincount(label[is_hit], counts[is_hit], k) / either_sum
    pull = each / either_sum
    slope = (np.where(is_hit, 2 / either_sum[label], 0.0) - pull[label] - pull[prediction]) * n / k
    variance = float((counts * slope**2).sum() / n - ((counts * slope).sum() / n) ** 2) / n
    mean = float(each.mean())
    return Point("f1", mean, n, "", *logit_bounds(mean, math.sqrt(max(variance, 0.0)), n))


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
    names, label, prediction, counts = _cells(confusion)
    if not names:
        return undefined(metric, 0, _NO_ROWS)
    is_hit, k = label == prediction, len(names)
    right = np.bincount(label[is_hit], counts[is_hit], k)
    totals = np.bincount(prediction if of_predicted else label, counts, k)
    shares = [(int(hit), int(total)) for hit, total in zip(right, totals, strict=True)]
    return mean_of_shares(metric, shares, int(counts.sum()))


def _of_class(confusion: Confusion, positive: str) -> tuple[int, int, int]:
    """How many rows are rightly predicted, labelled and predicted as this class."""
    hits = confusion.get(positive, {}).get(positive, 0)
    actual = sum(confusion.get(positive, {}).values())
    return hits, actual, sum(row.get(positive, 0) for row in confusion.values())


def _cells(confusion: Confusion) -> tuple[list[str], _Places, _Places, NDArray[np.float64]]:
    """The classes; of each pair there is the places of its label and of its prediction among them, and its count.

    Thousands of classes make millions of pairs, of which a window has few.
    """
    names = classes_of(confusion)
    place = {name: index for index, name in enumerate(names)}
    cells = [(place[label], place[other], n) for label, row in confusion.items() for other, n in row.items()]
    table = np.array(cells, dtype=np.int64).reshape(-1, 3)
    return names, table[:, 0], table[:, 1], table[:, 2].astype(np.float64)


def _nothing(what: str, positive: str) -> str:
    return f"no row is {what} {positive!r}"
