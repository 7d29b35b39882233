"""Data quality: are the values any good?"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards import charts, data
from dashboards.components.empty import nothing_here
from dashboards.components.filters import Scope
from dashboards.components.metric_parts import chart_title, metric_grid
from dashboards.components.tables import finding_table, number_column
from dashboards.words import window_text
from monitor.queries import MonitorRow, describe
from monitor.windows import span_of

OF_FEATURES = ("missing_rate", "type_errors", "out_of_range", "unseen_category")
OF_ROWS = ("freshness_p95", "volume", "duplicates", "repeated_ids", "outlier_rate", "schema_changes", "constant")


def quality_tab(scope: Scope) -> None:
    """Findings per window and those of the newest one; then every feature, and the rows as a whole."""
    monitor = next((each for each in data.monitors(scope.name) if each.metric == "data_quality"), None)
    if monitor is not None:
        _findings(scope, monitor)
    features = _features(scope)
    names = [name for name in OF_ROWS if name in scope.summary.metrics]
    metric_grid(scope, names, key="quality")
    if monitor is None and not features and not names:
        nothing_here("No data quality yet", "It comes with the baseline and the first window that closes after it.")


def _findings(scope: Scope, monitor: MonitorRow) -> None:
    points = data.verdict_series(scope.name, monitor.name, *scope.domain)
    if points:
        chart_title("Findings", "per window, of all kinds together · red triangle: some · grey cross: not judged")
        st.altair_chart(charts.metric_chart(points, scope.domain, scope.deployments, height=110), key="quality-found")
    latest = monitor.latest
    if latest is None:
        return
    columns = latest.evidence.get("columns") or []
    if columns:
        chart_title(window_text(latest.window, span_of(latest.evidence, latest.size)), latest.reason)
        finding_table(columns)
    else:
        icon = ":green[:material/check_circle:]" if latest.verdict == "ok" else ":gray[:material/hourglass_empty:]"
        words = "nothing is wrong with the rows" if latest.verdict == "ok" else latest.reason
        st.markdown(f"{icon} {window_text(latest.window, span_of(latest.evidence, latest.size))}: {words}")


def _features(scope: Scope) -> bool:
    table = data.column_slices(scope.name, OF_FEATURES, scope.end)
    if table.window is None:
        return False
    chart_title("Features", f"share of the rows, {window_text(table.window, table.size)}")
    shown = [name for name in OF_FEATURES if any(name in row.points for row in table.rows)]
    rows: list[dict[str, Any]] = []
    for row in sorted(table.rows, key=lambda row: (-max(point.value or 0 for point in row.points.values()), row.name)):
        values = {describe(name).title: point.value if (point := row.points.get(name)) else None for name in shown}
        rows.append({"Feature": row.name, **values})
    config = {describe(name).title: number_column(name) for name in shown}
    st.dataframe(rows, hide_index=True, column_config=config, placeholder="–")
    return True
