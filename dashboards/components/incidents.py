"""One incident as a row with a link."""

from __future__ import annotations

import streamlit as st

from dashboards import pages, state
from dashboards.components.badges import incident_badges, plain
from dashboards.words import moment_text
from monitor.queries import IncidentRow, format_duration


def incident_row(incident: IncidentRow) -> None:
    """Severity and state, what and since when, and the way to its page."""
    with st.container(border=True):
        badges, words, link = st.columns([2, 6, 1], vertical_alignment="center")
        badges.markdown(incident_badges(incident))
        lasted = f"{'lasted' if incident.state == 'resolved' else 'for'} {format_duration(incident.lasted)}"
        words.markdown(
            f"**{plain(incident.model)}** · {plain(incident.summary)}  \n"
            f":gray[:small[since {moment_text(incident.since)} · {lasted}{_by(incident)}]]"
        )
        link.page_link(
            pages.INCIDENT, label="Details", icon=":material/arrow_forward:", icon_position="right",
            query_params=state.parameters(incident=incident.id),
        )  # fmt: skip


def _by(incident: IncidentRow) -> str:
    if incident.state != "acknowledged" or not incident.acknowledged_by:
        return ""
    return f" · acknowledged by {plain(incident.acknowledged_by)}"
