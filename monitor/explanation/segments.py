"""In which segments a performance metric fell most."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from monitor.metrics import describe
from monitor.points import Point, Status
from monitor.profiles import LabelledProfile

Measure = Callable[[LabelledProfile], Point]
LEAST_ROWS = 30


class SegmentFall(msgspec.Struct, frozen=True):
    """One segment's metric before and after; `fall` is positive for a change for the worse, `error` its standard error.

    `share` is the segment's share of the labelled rows.
    """

    segment: str
    before: float
    after: float
    fall: float
    error: float
    n: int
    share: float


def fallen_segments(
    metric: str,
    baseline: Mapping[str, LabelledProfile],
    window: Mapping[str, LabelledProfile],
    measure: Measure,
    most: int = 3,
) -> list[SegmentFall]:
    """The segments (by key, such as "region=eu") whose metric got worse by more than chance, the worst first.

    `measure` gives the metric's point of a profile, with its interval. A fall counts where it exceeds 1.96 of its
    standard errors, and the worst is the one that is worst even at the good end of its interval: small segments are
    anywhere. Segments with fewer than 30 labelled rows on either side are left out.
    """
    worse = -1.0 if describe(metric).bad == "low" else 1.0
    # Segments of several dimensions overlap, so shares are of the largest sum of any one dimension's.
    by_dimension: dict[str, int] = {}
    for key, profile in window.items():
        dimension = key.partition("=")[0]
        by_dimension[dimension] = by_dimension.get(dimension, 0) + profile.labelled
    falls = []
    for key in window.keys() & baseline.keys():
        before, after = measure(baseline[key]), measure(window[key])
        if not _usable(before) or not _usable(after) or before.value is None or after.value is None:
            continue
        fall = worse * (after.value - before.value)
        error = (_error(before) ** 2 + _error(after) ** 2) ** 0.5
        total = max(by_dimension[key.partition("=")[0]], 1)
        share = window[key].labelled / total
        falls.append(SegmentFall(key, before.value, after.value, fall, error, after.n, share))
    sure = [found for found in falls if found.fall > 1.96 * found.error]
    return sorted(sure, key=lambda found: (-(found.fall - 1.96 * found.error), found.segment))[:most]


def _usable(point: Point) -> bool:
    return point.status is Status.OK and point.value is not None and point.n >= LEAST_ROWS


def _error(point: Point) -> float:
    return (point.high - point.low) / 3.92 if point.low is not None and point.high is not None else 0.0
