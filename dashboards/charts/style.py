"""What all charts share: colours with one meaning each, the time axis, and deployments drawn across it.

Colours are middle tones that stand out on a light and on a dark background. None carries a meaning alone: what is in
breach also has a shape of its own, and the reference is an outline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt

from monitor.queries import Deployment, describe

REFERENCE = "#8a94a6"
CURRENT = "#2f6fed"
WARNING = "#d98e04"
ALERT = "#d64545"

Domain = tuple[datetime, datetime]


def rows_chart(rows: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A chart over rows that travel inside it."""
    return alt.Chart(alt.InlineData(values=list(rows)))


def layered(layers: Sequence[alt.Chart], height: int) -> alt.LayerChart:
    """Layers over each other, the first at the bottom."""
    return alt.LayerChart(layer=list(layers), height=height)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_axis(domain: Domain, labels: bool = True) -> alt.X:
    """Event time in UTC over the same range in every chart of a page, so that they line up."""
    return alt.X(
        "time:T",
        title=None,
        scale=alt.Scale(type="utc", domain=[iso(domain[0]), iso(domain[1])], nice=False),
        axis=alt.Axis(
            labels=labels,
            ticks=labels,
            grid=False,
            tickCount=8,
            labelFlush=True,
            format="%H:%M" if domain[1] - domain[0] < timedelta(days=2) else "%-d %b",
        ),
    )


_SPANS = (
    "abs(datum.value) >= 172800 ? format(datum.value / 86400, '.3~r') + ' d' : "
    "abs(datum.value) >= 7200 ? format(datum.value / 3600, '.3~r') + ' h' : "
    "abs(datum.value) >= 120 ? format(datum.value / 60, '.3~r') + ' min' : format(datum.value, '~r') + ' s'"
)


def axis_labels(metric: str, low: float, high: float) -> tuple[str, str]:
    """How an axis from `low` to `high` writes a metric's values, as a format and, where that is not enough, as an
    expression: never two ticks alike, never 3e+1, no 86.4k for a day. Pure."""
    info = describe(metric)
    if info.unit == "s":
        return "~r", _SPANS
    if info.share:
        return ".0%" if high - low > 0.1 else ".1%" if high - low >= 0.01 else ".2%", ""
    return "~s" if high >= 1000 else "~r", ""


def value_axis(
    field: str, low: float, high: float, number_format: str, ticks: int = 4, grid: bool = True, label: str = ""
) -> alt.Y:
    """An axis of one fixed width, so that charts below each other share their time axis to the pixel."""
    return alt.Y(
        f"{field}:Q",
        title=None,
        scale=alt.Scale(domain=[low, high], nice=False, zero=False, clamp=True),
        axis=alt.Axis(
            format=number_format,
            tickCount=ticks,
            grid=grid,
            minExtent=48,
            maxExtent=48,
            domain=False,
            ticks=False,
            labelExpr=label or alt.Undefined,
        ),
    )


def deployment_layers(
    deployments: Sequence[Deployment], domain: Domain, labels: bool = True, named: bool = True
) -> list[alt.Chart]:
    """Vertical rules, with the version above if `named`: who began to serve when."""
    rows = [
        {
            "time": iso(deployment.at),
            "label": f"v{deployment.version}" if deployment.kind == "deployed" else f"back to v{deployment.version}",
            "text": f"version {deployment.version} {deployment.kind}, {deployment.at:%-d %b %Y %H:%M} UTC",
        }
        for deployment in deployments
        if domain[0] < deployment.at < domain[1]
    ]
    if not rows:
        return []
    base = rows_chart(rows).encode(x=time_axis(domain, labels), tooltip=alt.Tooltip("text:N", title="Deployment"))
    rule = base.mark_rule(color=REFERENCE, strokeDash=[3, 3], strokeWidth=1.25)
    label = base.mark_text(align="left", baseline="bottom", dx=-1, dy=-4, color=REFERENCE, fontSize=11).encode(
        y=alt.value(0), text="label:N"
    )
    return [rule, label] if named else [rule]
