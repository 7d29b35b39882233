"""Metrics of rows that carry a set of classes each."""

from __future__ import annotations

import json

from monitor.performance.intervals import logit_bounds
from monitor.performance.probability import one_vs_rest_points, probability_points
from monitor.points import Point, share_point, undefined
from monitor.profiles import MultilabelProfile

_NO_ROWS = "no labelled prediction in this window"


def multilabel_points(profile: MultilabelProfile) -> list[Point]:
    """`accuracy` (every class of the row right), and the means over classes of precision, recall, F1, AUC and the rest.

    A class whose denominator is 0 counts as 0, as in scikit-learn.
    """
    counts = list(profile.counts.values())
    points = [share_point("accuracy", profile.exact, profile.n)]
    for metric, cells in {
        "precision": [(right, right + wrong) for right, wrong, _ in counts],
        "recall": [(right, right + missed) for right, _, missed in counts],
        "f1": [(2 * right, 2 * right + wrong + missed) for right, wrong, missed in counts],
    }.items():
        points.append(_mean(metric, cells, profile))
    return [
        *points,
        *one_vs_rest_points(profile.scores, profile.spread),
        *probability_points(profile.probabilities, profile.spread),
    ]


def _mean(metric: str, cells: list[tuple[int, int]], profile: MultilabelProfile) -> Point:
    """The mean over classes, with an interval on the logit scale from how far rows move it."""
    n = profile.n
    if not cells:
        return undefined(metric, n, "no row has a class" if n else _NO_ROWS)
    value = sum(hits / of for hits, of in cells if of) / len(cells)
    low, high = logit_bounds(value, profile.spread.error(metric, n), n)
    return Point(metric, value, n, "", low, high)


def read_classes(text: str | None) -> frozenset[str]:
    """The classes that a prediction or label names: a JSON list, or names with | between them.

    >>> sorted(read_classes('["a", "b"]')), sorted(read_classes("a|b")), read_classes("[]"), read_classes("")
    (['a', 'b'], ['a', 'b'], frozenset(), frozenset())
    """
    if not text:
        return frozenset()
    if text.startswith("["):
        try:
            return frozenset(str(name) for name in json.loads(text) if name is not None)
        except (ValueError, TypeError):
            pass
    return frozenset(name.strip() for name in text.split("|") if name.strip())
