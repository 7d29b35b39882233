"""A metric's title and chart, alone or two beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import charts, data
from dashboards.components.badges import plain
from dashboards.components.empty import nothing_here
from dashboards.components.filters import Scope
from monitor.queries import SeriesPoint, describe

BAND = "grey band: expected · red triangle: outside it · grey cross: not enough data"


def chart_title(title: str, explanation: str) -> None:
    st.markdown(f"**{plain(title)}** &nbsp; :gray[:small[{plain(explanation)}]]")


def metric(
    scope: Scope, name: str, key: str, height: int = 190, labels: bool = True, segment: str = "all",
    estimate: Sequence[SeriesPoint] = (),
) -> None:  # fmt: skip
    """One metric over the page's range, and what was expected of it; `estimate` is drawn dashed beside it."""
    points = data.series(scope.name, (name,), *scope.domain, scope.summary.row.window, segment=segment)
    if points:
        drawn = charts.metric_chart(
            points, scope.domain, scope.deployments, height=height, labels=labels, estimate=estimate
        )
        st.altair_chart(drawn, key=f"{key}-{name}")
    else:
        nothing_here(f"No {describe(name).title} in this range", "Choose a longer range above.")


def metric_grid(scope: Scope, names: Sequence[str], key: str, segment: str = "all") -> None:
    """Metrics two beside each other, each under its title."""
    for at in range(0, len(names), 2):
        for cell, name in zip(st.columns(2, gap="medium"), names[at : at + 2], strict=False):
            with cell:
                info = describe(name)
                chart_title(info.title, f"{info.unit} · {info.help}" if info.unit not in ("", "%", "s") else info.help)
                metric(scope, name, key, height=130, segment=segment)
