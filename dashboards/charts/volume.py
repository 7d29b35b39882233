"""How many predictions each window had."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from dashboards.charts.style import (
    REFERENCE,
    Domain,
    deployment_layers,
    iso,
    layered,
    rows_chart,
    time_axis,
    value_axis,
)
from dashboards.words import window_text
from monitor.queries import Deployment, SeriesPoint, format_value


def volume_chart(
    points: Sequence[SeriesPoint],
    domain: Domain,
    deployments: Sequence[Deployment] = (),
    height: int = 110,
    labels: bool = True,
    named: bool = True,
) -> alt.LayerChart:
    """A bar per window, as wide as the window."""
    rows = [
        {
            "time": iso(point.start),
            "end": iso(point.start + point.size),
            "value": point.value,
            "text": format_value(point.metric, point.value),
            "window": window_text(point.start, point.size),
        }
        for point in points
        if point.value is not None
    ]
    top = max((point.value for point in points if point.value is not None), default=1.0) or 1.0
    bars = (
        rows_chart(rows)
        .mark_rect(color=REFERENCE, opacity=0.55, xOffset=1)
        .encode(
            x=time_axis(domain, labels),
            x2=alt.X2("end:T"),
            y=value_axis("value", 0.0, round(top * 1.1, 6), ",.0f" if top < 10_000 else "~s", ticks=2, grid=False),
            y2=alt.datum(0),
            tooltip=[alt.Tooltip("window:N", title="Window"), alt.Tooltip("text:N", title="Predictions")],
        )
    )
    return layered([bars, *deployment_layers(deployments, domain, labels, named)], height)
