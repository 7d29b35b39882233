"""The bar above a page: which model, which version, which range. The URL holds it; the widgets only show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st

from dashboards import data, state
from dashboards.components.empty import no_models, notices
from dashboards.state import View
from dashboards.words import DAY
from monitor.queries import Deployment, ModelSummary
from monitor.windows import window_of

_SHORT = (timedelta(hours=6), DAY, 7 * DAY, 30 * DAY)
_LONG = (14 * DAY, 30 * DAY, 60 * DAY, 365 * DAY)
_CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a page about one model shows: the model, and the range of event time."""

    summary: ModelSummary
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        return self.summary.row.name

    @property
    def domain(self) -> tuple[datetime, datetime]:
        return self.start, self.end

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        return self.summary.deployments


def scope_bar(view: View) -> Scope:
    """Draw the bar and return what it says. Stops the script, teaching, when there is no model at all."""
    names = [row.name for row in data.overview()]
    if not names:
        no_models(data.collector_address())
        st.stop()
    name = view.model or names[0]
    if name not in names:
        no_such_model(name, names)
        st.stop()
    summary = data.model_summary(name)
    found = [*view.notices]
    version = view.version if view.version in [v.name for v in summary.versions] else None
    if view.version and version is None:
        found.append(f"`{name}` has no version `{view.version[:100].replace('`', '')}`; showing all versions.")
    state.write({"model": name}, drop=() if version else ("version",))
    notices(found)
    last = last_moment(summary)
    usual = presets(summary)[-2]
    start, end = version_range(summary, version) if version else state.time_range(view, last, usual, earliest(summary))
    start, end = whole_windows(start, end, summary.row.window)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _model_box(name, names)
        _version_box(summary, version)
        _range_box(view, summary, version)
    return Scope(summary, start, end)


def no_such_model(name: str, names: Sequence[str]) -> None:
    """Say so and offer those there are; another model's numbers under this name's address would mislead."""
    notices([f"There is no model `{name[:100].replace('`', '')}`. Choose one of those there are."])
    st.session_state["model_box"] = None
    st.selectbox("Model", names, index=None, key="model_box", on_change=_pick_model, width=260,
                 placeholder="Choose a model")  # fmt: skip


def earliest(summary: ModelSummary) -> datetime | None:
    """Where a span of time begins at the earliest: a window before the model's first event. Pure."""
    first = summary.first_event_time
    return None if first is None else window_of(first, summary.row.window).start - summary.row.window


def presets(summary: ModelSummary) -> tuple[timedelta, ...]:
    """The spans that are offered: hours to a month for short windows, weeks to a year for daily ones. Pure."""
    return _LONG if summary.row.window >= DAY else _SHORT


def last_moment(summary: ModelSummary) -> datetime:
    """The end of the latest window with data: ranges count back from here, so a replayed past is in view too."""
    row = summary.row
    if row.last_event_time is None:
        return data.now()
    return window_of(row.last_event_time, row.window).end


def whole_windows(start: datetime, end: datetime, size: timedelta) -> tuple[datetime, datetime]:
    """The range grown to whole windows, so that no bar is cut. Pure."""
    last = window_of(end, size)
    return window_of(start, size).start, end if last.start == end else last.end


def version_range(summary: ModelSummary, version: str) -> tuple[datetime, datetime]:
    """When a version served, with a window of air on both sides. Pure."""
    served = next(v for v in summary.versions if v.name == version)
    air = summary.row.window
    return served.first_event_time - air, served.last_event_time + air


def _model_box(name: str, names: Sequence[str]) -> None:
    st.session_state["model_box"] = name
    st.selectbox("Model", names, key="model_box", on_change=_pick_model, width=260)


def _pick_model() -> None:
    if st.session_state["model_box"] is None:
        return
    state.write({"model": st.session_state["model_box"]}, drop=("version", "from", "to", "window", "feature"))


def _version_box(summary: ModelSummary, version: str | None) -> None:
    options = ["", *[v.name for v in reversed(summary.versions)]]
    st.session_state["version_box"] = version or ""
    st.selectbox(
        "Version",
        options,
        key="version_box",
        on_change=_pick_version,
        width=160,
        format_func=lambda name: name or "All versions",
    )


def _pick_version() -> None:
    version = st.session_state["version_box"]
    state.write({"version": version} if version else {}, drop=("from", "to", *(() if version else ("version",))))


def _range_box(view: View, summary: ModelSummary, version: str | None) -> None:
    spans = presets(summary)
    custom = bool(version or view.start or view.end or (view.back and view.back not in spans))
    options: list[timedelta | str] = [*spans, _CUSTOM] if custom else [*spans]
    st.session_state["range_box"] = _CUSTOM if custom else view.back or spans[-2]
    st.selectbox("Range", options, key="range_box", on_change=_pick_range, format_func=_span_text, width=220)


def _pick_range() -> None:
    span = st.session_state["range_box"]
    if isinstance(span, timedelta):
        state.write(state.parameters(start=span), drop=("to", "version"))


def _span_text(span: timedelta | str) -> str:
    """Spans count back from the latest data, not from the clock."""
    if isinstance(span, str):
        return "Custom range"
    if span >= 365 * DAY:
        return "Last year of data"
    if span < 2 * DAY:
        return f"Last {span // timedelta(hours=1)} hours of data"
    return f"Last {span // DAY} days of data"
