"""Incident: what happened, who was told, what was done, and did it help?"""

from __future__ import annotations

import streamlit as st

from dashboards import data, pages, state
from dashboards.components.badges import incident_badges, plain
from dashboards.components.empty import nothing_here, notices
from dashboards.components.incident_parts import (
    evidence_chart,
    evidence_table,
    explanation,
    facts,
    response_run,
    timeline,
)
from dashboards.components.tables import notification_table
from dashboards.words import moment_text
from monitor.errors import NotFound
from monitor.queries import IncidentDetail, format_duration

view = state.read()
st.page_link(pages.INCIDENTS, label="All incidents", icon=":material/arrow_back:")
notices(view.notices)


def find(wanted: int | None) -> IncidentDetail:
    """The incident of the URL; stops the script, saying what to do, when there is none."""
    if wanted is None:
        st.title("No incident was chosen", anchor=False)
        st.write("Open one from the list of incidents.")
        st.stop()
    try:
        return data.incident_detail(wanted)
    except NotFound:
        st.title(f"There is no incident {wanted}", anchor=False)
        st.write("It may belong to another Kedge. The list has all that this one knows.")
        st.stop()


detail = find(view.incident)
row = detail.row
st.title(plain(row.summary), anchor=False)
ending = f"lasted {format_duration(row.lasted)}" if row.state == "resolved" else f"for {format_duration(row.lasted)}"
st.markdown(
    f"{incident_badges(row)} &nbsp; :gray[{plain(row.model)} · monitor {plain(row.monitor)} · since "
    f"{moment_text(row.since)} · {ending} · data as of {moment_text(data.now())}]"
)
left, right = st.columns([5, 3], gap="large")
with left:
    st.subheader("Evidence", anchor=False)
    explanation(detail)
    evidence_chart(detail)
    facts(detail)
    evidence_table(detail)
with right:
    st.subheader("Timeline", anchor=False)
    timeline(detail.events)
st.subheader("Responses", anchor=False)
for run in detail.runs:
    response_run(run)
if not detail.runs:
    nothing_here("No response was started", "None is set up for this metric and model.", ":material/build:")
st.subheader("Notifications", anchor=False)
if detail.notifications:
    notification_table(detail.notifications)
else:
    nothing_here("Nobody was told", "No channel is set up, or no change has been sent yet.", ":material/mail:")
