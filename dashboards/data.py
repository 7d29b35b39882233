"""Cached reads: the only module that asks `monitor.queries`.

Everything lives for seconds only, because a late label reopens a window; `max_entries` bounds what URLs can fill.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from monitor import queries
from monitor.config import load_settings
from monitor.queries import (
    DriftTable,
    DriftWindow,
    FeatureDetail,
    IncidentDetail,
    IncidentRow,
    ModelRow,
    ModelSummary,
    MonitorRow,
    QuarantineSummary,
    SeriesPoint,
)

FRESH = 10
SETTLED = 60


def now() -> datetime:
    return datetime.now(UTC)


def collector_address() -> str:
    """Where the collector listens, for the examples a newcomer copies."""
    settings = load_settings()
    return f"http://{settings.host}:{settings.port}"


def needs_key(listening_on: str | None) -> bool:
    return queries.needs_key(listening_on)


def may_read(key: str) -> bool:
    """Not cached: a key that was revoked opens nothing any more."""
    return queries.may_read(database(), key)


@st.cache_resource(show_spinner=False)
def database() -> queries.Database:
    return queries.open_database(load_settings().control_url)


@st.cache_data(ttl=FRESH, max_entries=4, show_spinner=False)
def overview() -> list[ModelRow]:
    return queries.overview(database(), now(), load_settings().monitoring.baseline_rows)


@st.cache_data(ttl=FRESH, max_entries=200, show_spinner=False)
def model_summary(model: str) -> ModelSummary:
    settings = load_settings()
    settle = timedelta(seconds=settings.jobs.settle_seconds)
    return queries.model_summary(database(), model, now(), settings.monitoring.baseline_rows, settle)


@st.cache_data(ttl=FRESH, max_entries=200, show_spinner=False)
def monitors(model: str) -> list[MonitorRow]:
    return queries.monitors(database(), model)


@st.cache_data(ttl=SETTLED, max_entries=500, show_spinner=False)
def series(
    model: str, metrics: tuple[str, ...], start: datetime, end: datetime, size: timedelta, column: str | None = None
) -> list[SeriesPoint]:
    return queries.series(database(), model, metrics, start, end, size, column)


@st.cache_data(ttl=SETTLED, max_entries=100, show_spinner=False)
def drift_windows(model: str, start: datetime, end: datetime, size: timedelta) -> list[DriftWindow]:
    return queries.drift_windows(database(), model, start, end, size)


@st.cache_data(ttl=SETTLED, max_entries=100, show_spinner=False)
def drift_table(model: str, window: datetime | None) -> DriftTable:
    return queries.drift_table(database(), model, window)


@st.cache_data(ttl=SETTLED, max_entries=200, show_spinner=False)
def feature_detail(model: str, feature: str, window: datetime | None, start: datetime, end: datetime) -> FeatureDetail:
    return queries.feature_detail(database(), model, feature, window, start=start, end=end)


@st.cache_data(ttl=FRESH, max_entries=200, show_spinner=False)
def incidents(model: str | None = None, states: tuple[str, ...] | None = None) -> list[IncidentRow]:
    return queries.incidents(database(), model, states)


@st.cache_data(ttl=FRESH, max_entries=200, show_spinner=False)
def incident_detail(incident: int) -> IncidentDetail:
    return queries.incident_detail(database(), incident)


@st.cache_data(ttl=FRESH, max_entries=4, show_spinner=False)
def quarantine() -> QuarantineSummary:
    return queries.quarantine_summary(database())
