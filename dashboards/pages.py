"""The pages of the dashboard: their files, titles and icons, by group."""

from __future__ import annotations

import streamlit as st

OVERVIEW = "app_pages/overview.py"
MODEL = "app_pages/model.py"
DRIFT = "app_pages/drift.py"
INCIDENTS = "app_pages/incidents.py"
INCIDENT = "app_pages/incident.py"


def groups() -> dict[str, list[st.Page]]:
    """What the navigation shows; a file's name is its page's address. A single incident is reached by link only."""
    return {
        "Watch": [st.Page(OVERVIEW, title="Overview", icon=":material/monitoring:", default=True)],
        "Investigate": [
            st.Page(MODEL, title="Model", icon=":material/show_chart:"),
            st.Page(DRIFT, title="Drift", icon=":material/waves:"),
        ],
        "Operate": [
            st.Page(INCIDENTS, title="Incidents", icon=":material/notifications:"),
            st.Page(INCIDENT, title="Incident", icon=":material/notification_important:", visibility="hidden"),
        ],
    }
