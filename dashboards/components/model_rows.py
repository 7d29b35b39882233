"""One model as a row of the overview."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboards import pages, state
from dashboards.charts.sparkline import sparkline
from dashboards.components.badges import plain, state_badge
from dashboards.words import ago_text, count_text, share_text
from monitor.queries import ModelRow, describe, format_value

NUMBER = 84
"""Pixels that a number takes, so that none is broken into two lines; on a narrow screen they wrap as a whole."""


def model_row(row: ModelRow, now: datetime) -> None:
    """State and headline on the left, then the numbers, each under its name."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width=340, gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.markdown(state_badge(row.state), width="content")
                st.page_link(pages.MODEL, label=f"**{plain(row.name)}**", query_params=state.parameters(model=row.name))
            st.caption(plain(row.headline))
        title = describe(row.main.metric).title if row.main else "Metric"
        _number(title, format_value(row.main.metric, row.main.value) if row.main else "–")
        with st.container(width=130):
            if any(value is not None for value in row.sparkline):
                st.altair_chart(sparkline(row.sparkline), key=f"trend-{row.name}")
        _number("Drifted", f"{row.drifted} of {row.features}" if row.features else "–")
        _number("Per day", count_text(row.predictions_per_day))
        _number("Labels", share_text(row.label_coverage))
        _number("Last data", ago_text(row.last_received_at, now))


def _number(label: str, value: str) -> None:
    st.markdown(f":gray[:small[{label}]]  \n**{value}**", width=NUMBER)
