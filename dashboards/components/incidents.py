"""One incident as a row with a link."""

from __future__ import annotations

import streamlit as st

from dashboards import pages, state
from dashboards.components.badges import incident_badges, plain
from dashboards.words import moment_text
from monitor.queries import IncidentRow, format_duration


def incident_row(incident: IncidentRow) -> None:
    """Severity and state, what and since when, and the way to its page."""
    lasted = f"{'lasted' if incident.state == 'resolved' else 'for'} {format_duration(incident.lasted)}"
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(incident_badges(incident), width="content")
            st.page_link(
                pages.INCIDENT, label="Details", icon=":material/arrow_forward:", icon_position="right",
                width="content", query_params=state.parameters(incident=incident.id),
            )  # fmt: skip
        st.markdown(
            f"**{plain(incident.model)}** · {plain(incident.summary)}  \n"
            f":gray[:small[since {moment_text(incident.since)} · {lasted}{_by(incident)}]]"
        )


def _by(incident: IncidentRow) -> str:
    if incident.state != "acknowledged" or not incident.acknowledged_by:
        return ""
    return f" · acknowledged by {plain(incident.acknowledged_by)}"
