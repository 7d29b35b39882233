"""Latency percentiles over time."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from dashboards.charts.style import (
    CURRENT,
    REFERENCE,
    WARNING,
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

PERCENTILES = {"latency_p50": "p50", "latency_p95": "p95", "latency_p99": "p99"}


def latency_chart(
    points: Sequence[SeriesPoint], domain: Domain, deployments: Sequence[Deployment] = (), height: int = 220
) -> alt.LayerChart:
    """A line per percentile, told apart by dash as well as by colour, each named at its end."""
    known = [point for point in points if point.value is not None]
    rows = [
        {
            "time": iso(point.start + point.size / 2),
            "value": point.value,
            "percentile": PERCENTILES[point.metric],
            "text": format_value(point.metric, point.value),
            "window": window_text(point.start, point.size),
            "n": point.n,
        }
        for point in known
    ]
    top = max((point.value for point in known if point.value is not None), default=1.0)
    names = list(PERCENTILES.values())
    base = rows_chart(rows).encode(
        x=time_axis(domain),
        y=value_axis("value", 0.0, round(top * 1.12, 6) or 1.0, "~s"),
        color=alt.Color(
            "percentile:N", scale=alt.Scale(domain=names, range=[REFERENCE, CURRENT, WARNING]),
            legend=alt.Legend(orient="top", title=None),
        ),
    )  # fmt: skip
    dashes = alt.StrokeDash("percentile:N", legend=None, scale=alt.Scale(domain=names, range=[[1, 0], [1, 0], [5, 3]]))
    marks = base.mark_point(filled=True, size=18, opacity=1).encode(
        tooltip=[
            alt.Tooltip("window:N", title="Window"),
            alt.Tooltip("percentile:N", title="Percentile"),
            alt.Tooltip("text:N", title="Latency"),
            alt.Tooltip("n:Q", title="Rows", format=","),
        ]
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=dashes)
    return layered([lines, *deployment_layers(deployments, domain), marks], height)
