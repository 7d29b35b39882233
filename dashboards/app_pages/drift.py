"""Drift: which features moved, how far, and how do they look now?"""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data, state
from dashboards.components.badges import plain
from dashboards.components.drift import feature_panel, feature_table, window_bar
from dashboards.components.empty import nothing_here, notices
from dashboards.components.filters import scope_bar
from dashboards.words import window_text
from monitor.errors import NotFound

view = state.read()
scope = scope_bar(view)
try:
    table = data.drift_table(scope.name, view.window)
except NotFound:
    notices([f"No window with drift scores starts at {view.window:%-d %b %Y %H:%M} UTC; showing the latest."])
    state.write({}, drop=("window",))
    table = data.drift_table(scope.name, None)

if table.window is None:
    st.title("No drift has been measured yet")
    nothing_here(
        "Waiting for a baseline and the first closed window",
        "Drift compares each window with the baseline. The first predictions become the baseline by themselves.",
    )
    st.stop()

st.title(f"{table.drifted} of {len(table.rows)} features drifted", anchor=False)
compared = f"compared with “{plain(table.baseline)}”" if table.baseline else "its baseline is no longer stored"
st.caption(f"{plain(scope.name)} · {window_text(table.window, table.size)}, {compared}")
windows = data.drift_windows(scope.name, *scope.domain, table.size)
window_bar(windows, table.window)
if windows:
    chart = charts.drifted_chart(windows, scope.domain, scope.deployments, selected=table.window, height=130)
    st.altair_chart(chart, key="drifted")
feature, notice = state.choose(view.feature, [row.feature for row in table.rows], "feature")
notices([notice] if notice else [])
feature = feature_table(table, feature)
state.write({"feature": feature})
feature_panel(data.feature_detail(scope.name, feature, table.window, *scope.domain), scope)
