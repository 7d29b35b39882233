"""Incidents: what is open, and what has been?"""

from __future__ import annotations

import streamlit as st

from dashboards import data, state
from dashboards.components.filters import no_such_model
from dashboards.components.incidents import incident_row
from dashboards.words import moment_text
from monitor.queries import IncidentRow

MOST_ROWS = 50


@st.fragment(run_every="30s")
def live() -> None:
    """Open incidents, then those that are over, read anew every half minute."""
    view = state.read_filter()
    names = [row.name for row in data.overview()]
    unknown = bool(view) and view not in names
    if unknown:
        no_such_model(view, names)
        return
    found = data.incidents(view or None)
    open_ones = [incident for incident in found if incident.state != "resolved"]
    over = [incident for incident in found if incident.state == "resolved"]
    st.title(_title(len(open_ones)), anchor=False)
    st.caption(f"{len(over)} resolved · data as of {moment_text(data.now())} · all times are UTC")
    if names:
        model_filter(names, view)
    for incident in open_ones[:MOST_ROWS]:
        incident_row(incident)
    resolved(over)
    if len(open_ones) > MOST_ROWS or len(over) > MOST_ROWS:
        st.caption(f"The latest {MOST_ROWS} of each are shown. Choose a model to see the others.")


def _title(count: int) -> str:
    if not count:
        return "No incident is open"
    return f"{count} incident{'s are' if count > 1 else ' is'} open"


def model_filter(names: list[str], chosen: str) -> None:
    st.session_state["incident_model"] = chosen
    st.selectbox("Model", ["", *names], key="incident_model", format_func=lambda name: name or "All models",
                 on_change=_pick, width=260, label_visibility="collapsed")  # fmt: skip


def _pick() -> None:
    name = st.session_state["incident_model"]
    state.write({"model": name} if name else {}, drop=() if name else ("model",))


def resolved(over: list[IncidentRow]) -> None:
    if not over:
        return
    st.subheader("Resolved", anchor=False)
    for incident in over[:MOST_ROWS]:
        incident_row(incident)


live()
