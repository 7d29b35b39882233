"""How a model is doing, in one word and in one sentence. Pure: no reads, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from monitor.db.models import Incident, Model
from monitor.metrics import describe, format_value
from monitor.queries.series import SeriesPoint
from monitor.windows import format_duration


class State(StrEnum):
    """What an overview sorts by, the worst first."""

    CRITICAL = "critical"
    WARNING = "warning"
    NO_DATA = "no_data"
    OK = "ok"

    @property
    def rank(self) -> int:
        return list(State).index(self)


def model_state(model: Model, open_incidents: Sequence[Incident], evaluated: bool, size: int, now: datetime) -> State:
    """The worst open incident's severity; without one, whether there is enough data to call the model fine."""
    severities = {incident.severity for incident in open_incidents}
    if "critical" in severities:
        return State.CRITICAL
    if severities:
        return State.WARNING
    if not evaluated or quiet_for(model, size, now) is not None:
        return State.NO_DATA
    return State.OK


def quiet_for(model: Model, size: int, now: datetime) -> timedelta | None:
    """How long nothing has arrived, if that is longer than three windows (and an hour), else None."""
    if model.last_received_at is None:
        return None
    quiet = now - model.last_received_at
    return quiet if quiet > max(timedelta(seconds=3 * size), timedelta(hours=1)) else None


def headline(
    model: Model,
    open_incidents: Sequence[Incident],
    main: SeriesPoint | None,
    evaluated: bool,
    size: int,
    now: datetime,
) -> str:
    """One sentence: what is wrong and since when, or that nothing is."""
    if open_incidents:
        worst = min(open_incidents, key=lambda incident: (incident.severity != "critical", incident.since))
        text = f"{incident_summary(worst)}, since {format_moment(worst.since, now)}"
        others = len(open_incidents) - 1
        return text + (f"; {others} more open incident{'s' if others > 1 else ''}" if others else "")
    if not model.predictions:
        return "No predictions yet"
    quiet = quiet_for(model, size, now)
    if quiet is not None:
        last = format_moment(model.last_received_at, now)
        return f"No predictions for {format_duration(quiet)}; the last arrived {last}"
    if not evaluated:
        return "Waiting for the first window with enough rows"
    if main is None or main.value is None:
        why = "too few predictions have labels" if model.labels else "no labels have arrived"
        return f"Nothing is wrong; {why}, so accuracy is unknown"
    return f"Nothing is wrong: {describe_point(main)}"


def incident_summary(incident: Incident) -> str:
    return str(incident.evidence.get("summary") or incident.title)


def describe_point(point: SeriesPoint) -> str:
    """A value beside what was expected: "AUC 0.74, expected at least 0.66"."""
    text = f"{describe(point.metric).title} {format_value(point.metric, point.value)}"
    expected = describe_bounds(point.metric, point.low, point.high)
    return f"{text}, expected {expected}" if expected else text


def describe_bounds(metric: str, low: float | None, high: float | None) -> str:
    """The expected range in words; empty when there is none."""
    if low is not None and high is not None:
        return f"{format_value(metric, low)} to {format_value(metric, high)}"
    if low is not None:
        return f"at least {format_value(metric, low)}"
    return f"at most {format_value(metric, high)}" if high is not None else ""


def format_moment(moment: datetime | None, now: datetime) -> str:
    """A moment in UTC, the year only where it is not this one.

    >>> from datetime import UTC
    >>> format_moment(datetime(2026, 3, 3, 11, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    '3 Mar 11:00 UTC'
    """
    if moment is None:
        return "never"
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year} {moment:%H:%M} UTC"
