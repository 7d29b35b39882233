"""The tabs of the model page."""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data, pages, state
from dashboards.components.empty import nothing_here
from dashboards.components.filters import Scope
from dashboards.components.incidents import incident_row
from dashboards.components.tables import baseline_table, monitor_table, version_table
from monitor.metrics import PERFORMANCE
from monitor.queries import SeriesPoint, describe, first_window

LEGEND = "grey band: expected · red triangle: outside it · grey cross: not enough data"
LATENCIES = ("latency_p50", "latency_p95", "latency_p99")


def timeline_tab(scope: Scope) -> None:
    """Performance, drift and volume over the same time, with who was deployed when."""
    main = scope.summary.row.main
    if main is not None:
        _chart_title(
            f"{describe(main.metric).title}",
            "grey band: expected · red triangle: outside it · grey cross: not enough data",
        )
        _metric(scope, main.metric, labels=False)
    else:
        nothing_here("No performance yet", "It is computed once labels arrive for logged predictions.")
    windows = data.drift_windows(scope.name, *scope.domain, scope.summary.row.window)
    volume = _series(scope, "predictions")
    if windows:
        _chart_title("Drifted features", "per window; the Drift page shows which")
        chart = charts.drifted_chart(windows, scope.domain, scope.deployments, labels=not volume, named=main is None)
        st.altair_chart(chart, key="timeline-drift")
    if volume:
        _chart_title("Predictions", "per window")
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


def performance_tab(scope: Scope) -> None:
    found = [metric for metric in PERFORMANCE if metric in scope.summary.metrics]
    if not found:
        nothing_here("No performance yet", "It is computed once labels arrive for logged predictions.")
    for metric in found:
        info = describe(metric)
        _chart_title(info.title, info.help)
        _metric(scope, metric, key="performance")
    if "label_coverage" in scope.summary.metrics:
        _chart_title("Label coverage", "recent windows rise as labels arrive")
        _metric(scope, "label_coverage", key="performance", height=120)


def service_tab(scope: Scope) -> None:
    latency = data.series(scope.name, LATENCIES, *scope.domain, scope.summary.row.window)
    if latency:
        _chart_title("Latency", "milliseconds")
        st.altair_chart(charts.latency_chart(latency, scope.domain, scope.deployments), key="service-latency")
    for metric in ("error_rate", "throughput"):
        if metric in scope.summary.metrics:
            info = describe(metric)
            _chart_title(info.title, info.help)
            _metric(scope, metric, key="service", height=140)
    if not latency and "throughput" not in scope.summary.metrics:
        nothing_here("No service metrics yet", "They come with the first closed window.")


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


def _series(scope: Scope, metric: str) -> list[SeriesPoint]:
    return data.series(scope.name, (metric,), *scope.domain, scope.summary.row.window)


def _metric(scope: Scope, metric: str, key: str = "timeline", height: int = 190, labels: bool = True) -> None:
    points = _series(scope, metric)
    if points:
        chart = charts.metric_chart(points, scope.domain, scope.deployments, height=height, labels=labels)
        st.altair_chart(chart, key=f"{key}-{metric}")
    else:
        nothing_here(f"No {describe(metric).title} in this range", "Choose a longer range above.")


def _chart_title(title: str, explanation: str) -> None:
    st.markdown(f"**{title}** &nbsp; :gray[:small[{explanation}]]")
