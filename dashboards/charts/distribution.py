"""A feature's distribution in one window over the baseline's."""

from __future__ import annotations

from typing import Any

import altair as alt

from dashboards.charts.style import CURRENT, REFERENCE, layered, rows_chart
from monitor.queries import Histogram

SERIES = ["reference", "current"]


def distribution_chart(histogram: Histogram, title: str, height: int = 260) -> alt.Chart | alt.LayerChart:
    """Reference in grey, current in blue: steps over a number's range, side by side bars for categories and values."""
    if histogram.edges:
        return _ranges(histogram, title, height)
    rows = _rows(histogram)
    bars = rows_chart(rows).mark_bar(cornerRadiusEnd=2)
    chart: alt.Chart = bars.encode(
        x=alt.X("bar:N", sort=None, title=None, axis=alt.Axis(labelAngle=-30 if len(rows) > 16 else 0)),
        xOffset=alt.XOffset("series:N", sort=SERIES),
        y=alt.Y("share:Q", title="Share of rows", axis=alt.Axis(format=".0%", tickCount=5)),
        color=_colour(),
        tooltip=_tooltip(title),
    )
    return chart.properties(height=height)


def _ranges(histogram: Histogram, title: str, height: int) -> alt.LayerChart:
    rows = _rows(histogram)
    for row in rows:
        row["start"], row["end"] = histogram.edges[row["index"]], histogram.edges[row["index"] + 1]
    base = rows_chart(rows).encode(
        x=alt.X("start:Q", title=title, scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(grid=False)),
        x2=alt.X2("end:Q"),
        y=alt.Y("share:Q", title="Share of rows", axis=alt.Axis(format=".0%", tickCount=5), stack=None),
        color=_colour(),
        tooltip=_tooltip(title),
    )
    reference = base.transform_filter("datum.series == 'reference'").mark_rect(opacity=0.45)
    current = base.transform_filter("datum.series == 'current'").mark_rect(opacity=0.5)
    zero = {"y2": alt.datum(0)}
    return layered([reference.encode(**zero), current.encode(**zero)], height)


def _rows(histogram: Histogram) -> list[dict[str, Any]]:
    rows = []
    for name, shares in zip(SERIES, (histogram.reference, histogram.current), strict=True):
        for index, share in enumerate(shares):
            rows.append(
                {
                    "index": index,
                    "bar": histogram.labels[index],
                    "series": name,
                    "share": round(share, 6),
                    "text": f"{share * 100:.1f} %",
                }
            )
    return rows


def _colour() -> alt.Color:
    return alt.Color(
        "series:N",
        scale=alt.Scale(domain=SERIES, range=[REFERENCE, CURRENT]),
        legend=alt.Legend(orient="top", title=None),
    )


def _tooltip(title: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("bar:N", title=title),
        alt.Tooltip("series:N", title="Series"),
        alt.Tooltip("text:N", title="Share"),
    ]
