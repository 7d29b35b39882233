"""How many labels have come, and how long they took."""

from __future__ import annotations

from monitor.points import Point, point, share_point, undefined
from monitor.profiles import LabelledProfile, LatencySketch


def label_points(profile: LabelledProfile) -> list[Point]:
    """`labels` (how many), `label_coverage` (their share) and `label_delay_p50`, `label_delay_p95` in seconds.

    The delay is from the prediction's event time to its first label's time. It is that of the labels that have come.
    """
    return [
        point("labels", profile.labelled, profile.predicted),
        share_point("label_coverage", profile.labelled, profile.predicted),
        *(_delay(profile.delay, quantile) for quantile in (0.5, 0.95)),
    ]


def _delay(delays: LatencySketch, quantile: float) -> Point:
    name = f"label_delay_p{round(quantile * 100)}"
    if not delays.n:
        return undefined(name, 0, "no label has come")
    return Point(name, delays.quantile(quantile), delays.n, "", *delays.interval(quantile))
