"""One model as a row of the overview."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboards import pages, state
from dashboards.charts.sparkline import sparkline
from dashboards.components.badges import plain, state_badge
from dashboards.words import ago_text, count_text, share_text
from monitor.queries import ModelRow, describe, format_value

WIDTHS = [4.4, 0.9, 1.9, 1.0, 0.9, 0.9, 1.2]


def model_row(row: ModelRow, now: datetime) -> None:
    """State and headline on the left, then the numbers, each under its name."""
    with st.container(border=True):
        about, main, trend, drifted, volume, labels, last = st.columns(WIDTHS, vertical_alignment="center")
        with about:
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.markdown(state_badge(row.state), width="content")
                st.page_link(pages.MODEL, label=f"**{plain(row.name)}**", query_params=state.parameters(model=row.name))
            st.caption(plain(row.headline))
        title = describe(row.main.metric).title if row.main else "Metric"
        main.markdown(_number(title, format_value(row.main.metric, row.main.value) if row.main else "–"))
        if any(value is not None for value in row.sparkline):
            trend.altair_chart(sparkline(row.sparkline), key=f"trend-{row.name}")
        drifted.markdown(_number("Drifted", f"{row.drifted} of {row.features}" if row.features else "–"))
        volume.markdown(_number("Per day", count_text(row.predictions_per_day)))
        labels.markdown(_number("Labels", share_text(row.label_coverage)))
        last.markdown(_number("Last data", ago_text(row.last_received_at, now)))


def _number(label: str, value: str) -> str:
    return f":gray[:small[{label}]]  \n**{value}**"
