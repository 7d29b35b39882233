"""Segments: where is it worse than elsewhere?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import data
from dashboards.components.badges import plain
from dashboards.components.drift import selected_feature
from dashboards.components.empty import nothing_here
from dashboards.components.filters import Scope
from dashboards.components.metric_parts import BAND, chart_title, metric_grid
from dashboards.components.tables import number_column
from dashboards.words import window_text
from monitor.queries import Slice, SliceTable, describe

SHOWN = ("error_rate", "latency_p95", "prediction_drift")


def segments_tab(scope: Scope) -> None:
    """Every segment of the newest window, those in breach first; the picked one's metrics over time."""
    main = scope.summary.row.main
    wanted = [main.metric] if main else []
    metrics = tuple(wanted + [name for name in SHOWN if name in scope.summary.metrics])
    table = data.segment_slices(scope.name, metrics or ("predictions",), scope.end)
    if table.window is None:
        nothing_here(
            "No segments",
            "Name what windows are sliced by under `[monitoring.segments]` in kedge.toml, such as "
            '`churn = ["tag:region"]`. Versions are told apart by themselves where a window has several.',
        )
        return
    chart_title(window_text(table.window, table.size), f"{_count(table)} · pick a row to see it over time")
    name = _pick(table, metrics)
    st.subheader(plain(name), anchor=False)
    st.caption(BAND)
    metric_grid(scope, metrics, key="segment", segment=name)


def _count(table: SliceTable) -> str:
    judged, broken = (sum(bool(getattr(row, of)) for row in table.rows) for of in ("judged", "breaches"))
    if not judged:
        return f"the newest window with segments; none of {len(table.rows)} was judged"
    return f"{broken or 'none'} of {len(table.rows)} segments in breach"


def _pick(table: SliceTable, metrics: tuple[str, ...]) -> str:
    names = [row.name for row in table.rows]
    picked = st.dataframe(
        [_row(row, metrics) for row in table.rows],
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [0]}},
        column_config={describe(name).title: number_column(name) for name in metrics},
        placeholder="–",
        key="segments",
    )
    return selected_feature(names, picked.selection.rows, names[0])


def _row(row: Slice, metrics: tuple[str, ...]) -> dict[str, Any]:
    values = {describe(name).title: point.value if (point := row.points.get(name)) else None for name in metrics}
    return {"Segment": row.name, "Verdict": verdict_of(row), "Rows": row.n, **values}


def verdict_of(row: Slice) -> str:
    """What is in breach, by name; a segment that no monitor looked at is not called fine. Pure."""
    if row.breaches:
        return f"▲ {', '.join(describe(name).title for name in row.breaches)}"
    return "● ok" if row.judged else "○ not judged"
