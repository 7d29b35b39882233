"""Service level objectives: how much of the error budget is left, and how fast is it spent?"""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data
from dashboards.components.badges import plain
from dashboards.components.filters import Scope
from dashboards.components.metric_parts import chart_title
from dashboards.components.tables import VERDICTS
from monitor.queries import MonitorRow, format_value

BURN, BUDGET = "slo_burn", "slo_budget"
SEGMENT = "slo"


def objectives(scope: Scope) -> None:
    """A row per objective, then each one's budget over time; nothing for a model that promises nothing."""
    table = data.column_slices(scope.name, (BURN, BUDGET), scope.end, segment=SEGMENT)
    if table.window is None:
        return
    watching = {each.name: each for each in data.monitors(scope.name) if each.metric == BURN}
    st.subheader("Objectives", anchor=False)
    rows = []
    for row in sorted(table.rows, key=lambda row: row.name):
        burn, budget = row.points.get(BURN), row.points.get(BUDGET)
        paging, slow = watching.get(f"slo:{row.name}"), watching.get(f"slo:{row.name}:slow")
        rows.append(
            {
                "Objective": row.name,
                "Verdict": _verdict(paging, slow),
                "Budget left": format_value(BUDGET, budget.value if budget else None),
                "Spent": f"{format_value(BURN, burn.value)} as fast as it may be" if burn else "–",
            }
        )
    st.dataframe(rows, hide_index=True)
    for name in (row["Objective"] for row in rows):
        paging = watching.get(f"slo:{name}")
        chart_title(f"Error budget of {name}", "what is left of it; below 0 % it is overspent")
        if paging is not None and paging.latest is not None:
            st.caption(plain(paging.latest.reason))
        points = data.series(scope.name, (BUDGET,), *scope.domain, table.size, name, SEGMENT)
        if points:
            chart = charts.metric_chart(points, scope.domain, scope.deployments, height=120)
            st.altair_chart(chart, key=f"budget-{name}")


def _verdict(paging: MonitorRow | None, slow: MonitorRow | None) -> str:
    """The worse of the two monitors' latest verdicts."""
    for monitor in (paging, slow):
        if monitor is not None and monitor.latest is not None and monitor.latest.verdict == "breach":
            return f"▲ {monitor.severity}"
    return VERDICTS["ok"] if paging is not None and paging.latest is not None else "○ not run yet"
