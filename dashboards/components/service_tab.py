"""Service: how does the endpoint answer, and does it keep its promises?"""

from __future__ import annotations

import streamlit as st

from dashboards import charts, data
from dashboards.components.empty import nothing_here
from dashboards.components.filters import Scope
from dashboards.components.metric_parts import chart_title, metric, metric_grid
from dashboards.components.objectives import objectives
from monitor.queries import describe

LATENCIES = ("latency_p50", "latency_p95", "latency_p99")
MORE = ("client_error_rate", "server_error_rate", "timeout_rate", "latency_max", "latency_mean",
        "request_bytes_p95", "response_bytes_p95", "cpu_percent_mean", "cpu_percent_max", "memory_bytes_mean",
        "memory_bytes_max", "gpu_percent_mean", "gpu_memory_bytes_max")  # fmt: skip


def service_tab(scope: Scope) -> None:
    objectives(scope)
    latency = data.series(scope.name, LATENCIES, *scope.domain, scope.summary.row.window)
    if latency:
        chart_title("Latency", "milliseconds")
        st.altair_chart(charts.latency_chart(latency, scope.domain, scope.deployments), key="service-latency")
    for name in ("error_rate", "throughput"):
        if name in scope.summary.metrics:
            chart_title(describe(name).title, describe(name).help)
            metric(scope, name, key="service", height=140)
    metric_grid(scope, [name for name in MORE if name in scope.summary.metrics], key="service")
    if not latency and "throughput" not in scope.summary.metrics:
        nothing_here("No service metrics yet", "They come with the first closed window.")
