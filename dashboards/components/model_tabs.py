"""The tabs of the model page."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data, pages, state
from dashboards.components.empty import nothing_here
from dashboards.components.filters import Scope
from dashboards.components.incidents import incident_row
from dashboards.components.metric_parts import BAND, chart_title, metric
from dashboards.components.tables import baseline_table, monitor_table, version_table
from monitor.queries import SeriesPoint, describe, first_window


def timeline_tab(scope: Scope) -> None:
    """Performance, drift and volume over the same time, with who was deployed when."""
    main = scope.summary.row.main
    if main is not None:
        chart_title(describe(main.metric).title, BAND)
        metric(scope, main.metric, key="timeline", labels=False)
    else:
        nothing_here("No performance yet", "It is computed once labels arrive for logged predictions.")
    windows = data.drift_windows(scope.name, *scope.domain, scope.summary.row.window)
    volume = _series(scope, "predictions")
    if windows:
        chart_title("Drifted features", "per window; the Drift page shows which")
        chart = charts.drifted_chart(windows, scope.domain, scope.deployments, labels=not volume, named=main is None)
        st.altair_chart(chart, key="timeline-drift")
    if volume:
        chart_title("Predictions", "per window")
        named = main is None and not windows
        chart = charts.volume_chart(volume, scope.domain, scope.deployments, named=named)
        st.altair_chart(chart, key="timeline-volume")
    if not windows and not volume and scope.summary.first_window_closes is not None:
        closes = first_window(scope.summary.first_window_closes, data.now())
        nothing_here("No window was evaluated yet", f"{closes[0].upper()}{closes[1:]}.")
    elif not windows and not volume:
        nothing_here("No window in this range", "Choose a longer range above.")
    st.page_link(
        pages.DRIFT, label="See which features drifted", icon=":material/waves:",
        query_params=state.parameters(model=scope.name),
    )  # fmt: skip


def incidents_tab(scope: Scope) -> None:
    found = data.incidents(scope.name)
    if not found:
        st.markdown(":green[:material/check_circle:] This model has had no incident.")
    for incident in found[:20]:
        incident_row(incident)
    if len(found) > 20:
        st.caption(f"The latest 20 of {len(found)}.")


def about_tab(scope: Scope) -> None:
    st.subheader("Versions")
    version_table(scope.summary.versions)
    st.subheader("Baseline")
    baseline_table(scope.summary)
    st.subheader("Monitors")
    monitor_table(data.monitors(scope.name))


def _series(scope: Scope, name: str) -> list[SeriesPoint]:
    return data.series(scope.name, (name,), *scope.domain, scope.summary.row.window)
