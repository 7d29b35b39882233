"""The URL is the state: what is looked at, as query parameters that can be pasted into a chat.

Only this module touches `st.query_params`. Names are short and stable, because alerts link here: model, version, from,
to, window, feature, incident. `from` is a time, or a span back from the latest data such as -30d.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import streamlit as st

from monitor.errors import InvalidValue
from monitor.windows import format_size, parse_size

NAMES = ("model", "version", "from", "to", "window", "feature", "incident")
_LAST_MODEL = "last_model"


@dataclass(frozen=True, slots=True)
class View:
    """What the URL asks for. `back` is a span before the latest data; `notices` say what could not be understood."""

    model: str | None = None
    version: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    back: timedelta | None = None
    window: datetime | None = None
    feature: str | None = None
    incident: int | None = None
    notices: tuple[str, ...] = ()


def parse(params: Mapping[str, str]) -> View:
    """The view that query parameters ask for; what is not understood is left out, with a notice. Pure."""
    notices: list[str] = []
    view = View(
        model=params.get("model") or None, version=params.get("version") or None, feature=params.get("feature") or None
    )
    start = params.get("from", "")
    if start.startswith("-"):
        view = replace(view, back=_span(start, notices))
    else:
        view = replace(view, start=_time("from", start, notices))
    end, window = _time("to", params.get("to", ""), notices), _time("window", params.get("window", ""), notices)
    if view.start and end and view.start >= end:
        notices.append("The range in the address ends before it begins; showing the usual range.")
        view, end = replace(view, start=None), None
    incident = params.get("incident", "").removeprefix("INC-")
    if incident and not (incident.isascii() and incident.isdigit() and len(incident) < 10):
        notices.append(f"`incident={incident[:40]}` in the address is not a number.")
        incident = ""
    return replace(view, end=end, window=window, incident=int(incident) if incident else None, notices=tuple(notices))


def parameters(
    *,
    model: str | None = None,
    version: str | None = None,
    start: datetime | timedelta | None = None,
    end: datetime | None = None,
    window: datetime | None = None,
    feature: str | None = None,
    incident: int | None = None,
) -> dict[str, str]:
    """The query parameters of a link; `parse` reads them back. A `start` that is a span counts back from the data."""
    begin = f"-{format_size(start)}" if isinstance(start, timedelta) else _text(start)
    values = {
        "model": model,
        "version": version,
        "from": begin,
        "to": _text(end),
        "window": _text(window),
        "feature": feature,
        "incident": None if incident is None else str(incident),
    }
    return {name: value for name, value in values.items() if value}


def read() -> View:
    """The view of the URL; without a model in it, the model looked at last in this session."""
    view = parse({name: st.query_params[name] for name in NAMES if name in st.query_params})
    return view if view.model else replace(view, model=st.session_state.get(_LAST_MODEL))


def read_filter() -> str:
    """The model that a list is narrowed to; empty when the URL names none. No model is remembered here."""
    return st.query_params.get("model", "")


def write(changes: Mapping[str, str], drop: Sequence[str] = ()) -> None:
    """Put values into the URL and take others out; a URL that says so already is left alone."""
    for name, value in changes.items():
        if st.query_params.get(name) != value:
            st.query_params[name] = value
    for name in drop:
        if name in st.query_params:
            del st.query_params[name]
    if "model" in changes:
        st.session_state[_LAST_MODEL] = changes["model"]


def choose(wanted: str | None, known: Sequence[str], noun: str) -> tuple[str, str | None]:
    """`wanted` if it is known, else the first that is, with a notice where something else was asked for. Pure.

    >>> choose("income", ["age"], "feature")
    ('age', 'There is no feature `income`; showing `age`.')
    """
    if wanted in known:
        return str(wanted), None
    notice = f"There is no {noun} `{wanted[:100].replace('`', '')}`; showing `{known[0]}`." if wanted else None
    return known[0], notice


def time_range(
    view: View, last: datetime, usual: timedelta, earliest: datetime | None = None
) -> tuple[datetime, datetime]:
    """The range to show: absolute where the URL says so, else a span back from the latest data. Pure.

    A span begins at `earliest` at the earliest, so that a young model's data is not squeezed into a line.
    """
    end = view.end or last
    start = view.start or max(end - (view.back or usual), earliest or datetime.min.replace(tzinfo=UTC))
    return (start, end) if start < end else (end - usual, end)


def _span(text: str, notices: list[str]) -> timedelta | None:
    try:
        return parse_size(text[1:])
    except (InvalidValue, OverflowError):
        notices.append(f"`from={text[:40]}` in the address is not a span such as -30d; showing the usual range.")
        return None


def _time(name: str, text: str, notices: list[str]) -> datetime | None:
    if not text:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        notices.append(f"`{name}={text[:40].replace('`', '')}` in the address is not a time such as 2026-03-01T00:00Z.")
        return None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
