"""Fairness: whether the groups of a protected attribute are given the positive class alike, and rightly so.

Definitions are fairlearn's: a difference is the largest minus the smallest value over the groups, a ratio the smallest
over the largest.
"""

from __future__ import annotations

from collections.abc import Mapping

from monitor.performance.intervals import difference_bounds, ratio_bounds
from monitor.points import Point, Status, share_point, undefined
from monitor.profiles import GroupProfile
from monitor.profiles.groups import MOST_GROUPS, OTHER_GROUP

LEAST_ROWS = 30
RATES = ("selection_rate", "tpr", "fpr")


def fairness_points(groups: Mapping[str, GroupProfile], least_rows: int = LEAST_ROWS) -> list[Point]:
    """`selection_rate`, `tpr` and `fpr` of each group (column: "attribute=value"), their differences and ratios.

    The selection rate is the share of predictions that are the positive class; TPR and FPR the same share among rows
    labelled positive and negative. Groups with fewer than `least_rows` rows of that kind are `insufficient` and not
    compared, nor is the mixture `other` of the smallest. Without groups there is no point.
    """
    if not groups:
        return []
    # Of fewer groups none is mixed, and "other" is what people answered.
    mixture = f"={OTHER_GROUP}" if len(groups) >= MOST_GROUPS else None
    points = []
    for rate in RATES:
        values = [_rate(rate, group, name, least_rows) for name, group in sorted(groups.items())]
        compared = [p for p in values if p.status is Status.OK and not (mixture and p.column.endswith(mixture))]
        points += [*values, *_comparison(rate, compared, least_rows)]
    return points


def _rate(rate: str, group: GroupProfile, name: str, least_rows: int) -> Point:
    match rate:
        case "selection_rate":
            hits, n = group.selected, group.predicted
        case "tpr":
            hits, n = group.true_positives, group.positives
        case _:
            hits, n = group.false_positives, group.negatives
    found = share_point(rate, hits, n, name)
    if n >= least_rows:
        return found
    return Point(
        rate, found.value, n, name, found.low, found.high, Status.INSUFFICIENT, f"{n} rows, {least_rows} needed"
    )


def _comparison(rate: str, groups: list[Point], least_rows: int) -> list[Point]:
    """The difference with Newcombe's interval and the ratio with MOVER-R's, of the two groups that are furthest apart.

    With more than two groups the pair was chosen by the data, so the intervals are somewhat too narrow.
    """
    names = (f"{rate}_difference", f"{rate}_ratio")
    n = sum(group.n for group in groups)
    if len(groups) < 2:
        what = {"selection_rate": "predictions", "tpr": "positive labels", "fpr": "negative labels"}[rate]
        reason = f"{len(groups)} groups have {least_rows} {what}, 2 needed"
        return [undefined(name, n, reason) for name in names]
    ranked = sorted(groups, key=lambda group: group.value or 0.0)
    most, least = ranked[-1], ranked[0]
    top, bottom = most.value or 0.0, least.value or 0.0
    low, high = difference_bounds(most, least)
    difference = Point(names[0], top - bottom, n, "", max(0.0, low), min(1.0, high))
    if not top:
        return [difference, undefined(names[1], n, "the rate is 0 in every group")]
    low, high = ratio_bounds(least, most)
    return [difference, Point(names[1], bottom / top, n, "", min(low, 1.0), min(high, 1.0))]
