"""The window picker, the table of features, and one feature in full."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from dashboards import charts, state
from dashboards.charts.style import CURRENT, REFERENCE
from dashboards.components.badges import plain
from dashboards.components.empty import nothing_here
from dashboards.components.filters import Scope
from dashboards.words import STATUS_WORDS, share_text, window_text
from monitor.queries import DriftRow, DriftTable, DriftWindow, FeatureDetail
from monitor.queries.histograms import format_number


def window_bar(windows: Sequence[DriftWindow], selected: datetime) -> None:
    """Earlier, a list of windows, later; the choice goes into the URL."""
    starts = [window.start for window in windows]
    if selected not in starts:
        st.caption("The window lies outside the range above.")
        return
    at = starts.index(selected)
    by_start = {window.start: window for window in windows}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        earlier = starts[max(0, at - 1)]
        st.button("Earlier", icon=":material/chevron_left:", disabled=at == 0, on_click=_go, args=(earlier,))
        st.session_state["window_box"] = selected
        st.selectbox(
            "Window",
            list(reversed(starts)),
            key="window_box",
            label_visibility="collapsed",
            width=300,
            on_change=_pick_window,
            format_func=lambda start: _window_option(by_start[start]),
        )
        later = starts[min(len(starts) - 1, at + 1)]
        st.button("Later", icon=":material/chevron_right:", icon_position="right", disabled=later == selected,
                  on_click=_go, args=(later,))  # fmt: skip


def _window_option(window: DriftWindow) -> str:
    return f"{window_text(window.start, window.size)} · {window.drifted} drifted"


def _go(window: datetime) -> None:
    state.write(state.parameters(window=window))


def _pick_window() -> None:
    _go(st.session_state["window_box"])


def feature_table(table: DriftTable, feature: str) -> str:
    """Every feature, the most drifted first; returns the one that is picked, by row or by name."""
    names = [row.feature for row in table.rows]
    key = f"features-{table.window}"
    picked = st.dataframe(
        [_table_row(row) for row in table.rows],
        key=key,
        hide_index=True,
        row_height=40,
        height=min(len(names), 10) * 40 + 40,
        on_select="rerun",
        selection_mode="single-row",
        selection_default={"selection": {"rows": [names.index(feature)]}},
        column_config=_columns(table),
        placeholder="–",
    )
    return selected_feature(names, picked.selection.rows, feature)


def selected_feature(names: Sequence[str], rows: Sequence[int], otherwise: str) -> str:
    """The feature of the picked row; without a row, `otherwise`. Pure.

    >>> selected_feature(["age", "plan"], [1], "age")
    'plan'
    """
    return names[rows[0]] if rows and rows[0] < len(names) else otherwise


def _table_row(row: DriftRow) -> dict[str, Any]:
    return {
        "Feature": row.feature,
        "Verdict": STATUS_WORDS.get(row.status, row.status),
        "Score": row.score,
        "Limit": row.limit,
        "Trend": [score for score in row.scores if score is not None],
        "For": _streak(row.windows_in_breach),
        "Reference": list(row.histogram.reference),
        "Current": list(row.histogram.current),
        "Why": row.why,
    }


def _streak(windows: int) -> str:
    return "" if not windows else f"{windows} window{'s' if windows > 1 else ''}"


def _columns(table: DriftTable) -> dict[str, Any]:
    score = max((row.score or 0.0 for row in table.rows), default=0.0)
    config = st.column_config
    return {
        "Feature": config.TextColumn(width=150),
        "Score": config.NumberColumn(format="%.2f", width=70, help="Jensen-Shannon distance, 0 to 0.833"),
        "Limit": config.NumberColumn(format="%.2f", width=70, help="The most that is put down to chance"),
        "Trend": config.LineChartColumn(width=110, y_min=0, y_max=max(score, 0.1), color=CURRENT),
        "For": config.TextColumn(width=95, help="Windows in a row in which it has drifted"),
        "Reference": config.BarChartColumn(width=110, color=REFERENCE, y_min=0),
        "Current": config.BarChartColumn(width=110, color=CURRENT, y_min=0),
        "Why": config.TextColumn(width="large"),
    }


def feature_panel(detail: FeatureDetail, scope: Scope) -> None:
    """Reference and current over each other, beside the score over time."""
    st.subheader(plain(detail.row.feature), anchor=False)
    st.markdown(f":gray[{plain(_sentence(detail))}]")
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Distribution** &nbsp; :gray[:small[share of rows, baseline against this window]]")
        if detail.histogram.labels:
            chart = charts.distribution_chart(detail.histogram, detail.row.feature)
            st.altair_chart(chart, key=f"distribution-{detail.row.feature}")
        else:
            nothing_here("No distribution", "This window's profile, or its baseline, has no such column.")
    with right:
        st.markdown("**Score** &nbsp; :gray[:small[dashed: the limit · red triangle: drifted]]")
        if detail.series:
            chart = charts.metric_chart(
                detail.series, scope.domain, scope.deployments, height=282,
                span=(detail.window, detail.window + detail.size), span_colour=CURRENT,
            )  # fmt: skip
            st.altair_chart(chart, key=f"score-{detail.row.feature}")
        else:
            nothing_here("No score in this range", "Choose a longer range above.")


def _sentence(detail: FeatureDetail) -> str:
    row = detail.row
    parts = [f"{row.kind}", STATUS_WORDS.get(row.status, row.status)[2:]]
    if row.score is not None:
        parts.append(f"score {row.score:.2f}" + (f", limit {row.limit:.2f}" if row.limit is not None else ""))
    if row.why:
        parts.append(row.why)
    elif detail.reference_median is not None and detail.current_median is not None:
        parts.append(f"median {format_number(detail.reference_median)} → {format_number(detail.current_median)}")
    if detail.current_missing:
        before = share_text(detail.reference_missing)
        parts.append(f"{share_text(detail.current_missing)} missing, {before} in the baseline")
    return " · ".join(parts)
