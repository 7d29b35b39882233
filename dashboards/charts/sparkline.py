"""The latest values of one metric, without axes."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from dashboards.charts.style import CURRENT, layered, rows_chart


def sparkline(values: Sequence[float | None], height: int = 44) -> alt.LayerChart:
    """A thin line that breaks where a value is missing, its last value marked."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    air = (high - low) * 0.15 or 1.0
    rows = [{"index": index, "value": value} for index, value in enumerate(values)]
    x = alt.X("index:Q", axis=None, scale=alt.Scale(domain=[0, max(1, len(values) - 1)], nice=False))
    y = alt.Y("value:Q", axis=None, scale=alt.Scale(domain=[round(low - air, 6), round(high + air, 6)], nice=False))
    line = rows_chart(rows).mark_line(color=CURRENT, strokeWidth=1.5).encode(x=x, y=y)
    last = rows_chart([row for row in rows if row["value"] is not None][-1:])
    dot = last.mark_point(color=CURRENT, filled=True, size=30, opacity=1).encode(x=x, y=y)
    return layered([line, dot], height)
