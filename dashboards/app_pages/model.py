"""Model: how is it doing, since when, and what changed?"""

from __future__ import annotations

import streamlit as st

from dashboards import data, state
from dashboards.components.badges import plain, state_badge
from dashboards.components.cards import cards
from dashboards.components.filters import last_moment, scope_bar
from dashboards.components.model_tabs import about_tab, incidents_tab, performance_tab, service_tab, timeline_tab
from dashboards.words import moment_text, size_text

scope = scope_bar(state.read())
row = scope.summary.row


@st.fragment(run_every="30s")
def headline() -> None:
    """The sentence and the four cards, read anew every half minute."""
    summary = data.model_summary(scope.name)
    st.title(plain(summary.row.headline), anchor=False)
    st.markdown(
        f"{state_badge(summary.row.state)} &nbsp; :gray[{plain(summary.row.name)}, version "
        f"{plain(summary.row.version or 'unknown')} · {size_text(summary.row.window)} windows · latest event "
        f"{moment_text(summary.row.last_event_time)} · data as of {moment_text(data.now())}]"
    )
    latest = last_moment(summary)
    recent = data.series(scope.name, ("latency_p95",), latest - 10 * summary.row.window, latest, summary.row.window)
    cards(summary, recent)


headline()
timeline, performance, service, incidents, about = st.tabs(
    ["Timeline", "Performance", "Service", "Incidents", "Versions and baseline"]
)
with timeline:
    timeline_tab(scope)
with performance:
    performance_tab(scope)
with service:
    service_tab(scope)
with incidents:
    incidents_tab(scope)
with about:
    about_tab(scope)
