"""How many features each window flagged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import altair as alt

from dashboards.charts.style import (
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
from monitor.queries import Deployment, DriftWindow


def drifted_chart(
    windows: Sequence[DriftWindow],
    domain: Domain,
    deployments: Sequence[Deployment] = (),
    selected: datetime | None = None,
    height: int = 90,
    labels: bool = True,
    named: bool = True,
) -> alt.LayerChart:
    """A bar per window: amber where features drifted, a grey foot where the window was judged and none did."""
    rows = [
        {
            "time": iso(window.start),
            "end": iso(window.start + window.size),
            "value": window.drifted,
            "window": window_text(window.start, window.size),
            "text": f"{window.drifted} of {window.features} features" if window.features else window.verdict,
        }
        for window in windows
    ]
    top = max((window.drifted for window in windows), default=0)
    x = time_axis(domain, labels)
    ceiling = max(4, top + 1)
    y = value_axis("value", 0, ceiling, "d", ticks=2, grid=False)
    tooltip = [alt.Tooltip("window:N", title="Window"), alt.Tooltip("text:N", title="Drifted")]
    base = rows_chart(rows).encode(x=x, x2=alt.X2("end:T"), tooltip=tooltip)
    layers = [
        base.mark_rect(color=REFERENCE, opacity=0.6, xOffset=1).encode(y=alt.datum(0), y2=alt.datum(0.06 * ceiling)),
        base.mark_rect(color=WARNING, xOffset=1).encode(y=y, y2=alt.datum(0)),
    ]
    if selected is not None:
        chosen = [row for row in rows if row["time"] == iso(selected)]
        frame = rows_chart(chosen).encode(x=x, x2=alt.X2("end:T"), tooltip=tooltip)
        layers.insert(0, frame.mark_rect(color=REFERENCE, opacity=0.3).encode(y=alt.value(0), y2=alt.value("height")))
    return layered([*layers, *deployment_layers(deployments, domain, labels, named)], height)
