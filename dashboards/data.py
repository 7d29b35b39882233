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
    SliceTable,
)

FRESH = 10
SETTLED = 60


def now() -> datetime:
    return datetime.now(UTC)


def collector_address() -> str:
    """Where the collector listens, for the examples a newcomer copies."""
    settings = load_settings()
    return f"http://{settings.host}:{settings.port}"


def own_metrics(model: str) -> tuple[str, ...]:
    """The custom metrics that the settings declare of the model."""
    return tuple(load_settings().model(model).metrics)


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
    model: str,
    metrics: tuple[str, ...],
    start: datetime,
    end: datetime,
    size: timedelta,
    column: str | None = None,
    segment: str = "all",
) -> list[SeriesPoint]:
    return queries.series(database(), model, metrics, start, end, size, column, segment)


@st.cache_data(ttl=SETTLED, max_entries=200, show_spinner=False)
def verdict_series(model: str, monitor: str, start: datetime, end: datetime, segment: str = "all") -> list[SeriesPoint]:
    return queries.verdict_series(database(), model, monitor, start, end, segment)


@st.cache_data(ttl=SETTLED, max_entries=100, show_spinner=False)
def segment_slices(model: str, metrics: tuple[str, ...], end: datetime) -> SliceTable:
    return queries.segment_slices(database(), model, metrics, end)


@st.cache_data(ttl=SETTLED, max_entries=100, show_spinner=False)
def column_slices(model: str, metrics: tuple[str, ...], end: datetime, segment: str = "all") -> SliceTable:
    return queries.column_slices(database(), model, metrics, end, segment)


@st.cache_data(ttl=SETTLED, max_entries=100, show_spinner=False)
def drift_windows(
    model: str, start: datetime, end: datetime, size: timedelta, segment: str = "all"
) -> list[DriftWindow]:
    return queries.drift_windows(database(), model, start, end, size, segment=segment)


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
