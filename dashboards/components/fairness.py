"""Fairness: are groups treated alike?"""

from __future__ import annotations

import streamlit as st

from dashboards import data
from dashboards.components.filters import Scope
from dashboards.components.metric_parts import chart_title, metric_grid
from dashboards.components.tables import number_column
from dashboards.words import window_text
from monitor.fairness import RATES
from monitor.queries import describe

DIFFERENCES = tuple(f"{rate}_difference" for rate in RATES)


def fairness(scope: Scope) -> None:
    """Each group's rates in the newest window, and the largest gap between groups over time; nothing without groups."""
    table = data.column_slices(scope.name, RATES, scope.end)
    if table.window is None:
        return
    st.subheader("Fairness", anchor=False)
    chart_title(window_text(table.window, table.size), "each group's rates; groups with few rows are not compared")
    rows = [
        {
            "Group": row.name,
            "Predictions": row.n,
            **{describe(name).title: point.value if (point := row.points.get(name)) else None for name in RATES},
            "Note": next((point.reason for point in row.points.values() if point.reason), ""),
        }
        for row in table.rows
    ]
    config = {describe(name).title: number_column(name) for name in RATES}
    st.dataframe(rows, hide_index=True, column_config=config, placeholder="–")
    metric_grid(scope, [name for name in DIFFERENCES if name in scope.summary.metrics], key="fairness")
