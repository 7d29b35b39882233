"""Model: how is it doing, since when, and what changed?"""

from __future__ import annotations

import streamlit as st

from dashboards import data, state
from dashboards.components.badges import plain, state_badge
from dashboards.components.cards import ESTIMATES, cards
from dashboards.components.filters import last_moment, scope_bar
from dashboards.components.model_tabs import about_tab, incidents_tab, timeline_tab
from dashboards.components.performance_tab import performance_tab
from dashboards.components.quality_tab import quality_tab
from dashboards.components.segments_tab import segments_tab
from dashboards.components.service_tab import service_tab
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
    start = latest - 10 * summary.row.window
    recent = data.series(scope.name, ("latency_p95", *ESTIMATES), start, latest, summary.row.window)
    cards(summary, recent)


headline()
TABS = {
    "Timeline": timeline_tab,
    "Performance": performance_tab,
    "Data quality": quality_tab,
    "Segments": segments_tab,
    "Service": service_tab,
    "Incidents": incidents_tab,
    "Versions and baseline": about_tab,
}
for tab, draw in zip(st.tabs(list(TABS), on_change="rerun", key="tab"), TABS.values(), strict=True):
    if tab.open:  # what is not looked at is not read either
        with tab:
            draw(scope)
