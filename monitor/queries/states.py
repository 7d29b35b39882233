"""How a model is doing, in one word and in one sentence. Pure: no reads, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    INSUFFICIENT = "insufficient"
    LEARNING = "learning"
    OK = "ok"

    @property
    def rank(self) -> int:
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the watching of a model has come.

    `judged`: something but its silence has a verdict now; `was_judged`: or had one before. `has_windows`: a window was
    evaluated, with however few rows. `baseline_rows` is how many first predictions become a baseline, None where the
    reader doesn't know.
    """

    has_baseline: bool
    has_windows: bool
    judged: bool
    was_judged: bool
    baseline_rows: int | None = None


def model_state(
    model: Model, open_incidents: Sequence[Incident], progress: Progress, size: int, now: datetime
) -> State:
    """The worst open incident's severity; without one, whether enough is known to call the model fine."""
    severities = {incident.severity for incident in open_incidents}
    if "critical" in severities:
        return State.CRITICAL
    if severities:
        return State.WARNING
    if not model.predictions or quiet_for(model, size, now) is not None:
        return State.NO_DATA
    if not progress.has_baseline:
        return State.LEARNING
    if not progress.judged:
        return State.INSUFFICIENT if progress.has_windows else State.LEARNING
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
    progress: Progress,
    size: int,
    now: datetime,
) -> str:
    """One sentence: what is wrong and since when, or that nothing is."""
    if open_incidents:
        worst = min(open_incidents, key=_urgency)
        text = f"{incident_summary(worst)}, since {format_moment(worst.since, now)}"
        others = len(open_incidents) - 1
        return text + (f"; {others} more open incident{'s' if others > 1 else ''}" if others else "")
    if not model.predictions:
        return "No predictions yet"
    quiet = quiet_for(model, size, now)
    if quiet is not None:
        last = format_moment(model.last_received_at, now)
        return f"No predictions for {format_duration(quiet)}; the last arrived {last}"
    if not progress.has_baseline:
        few = "; too few predictions per window so far" if progress.has_windows and not progress.was_judged else ""
        return f"Learning: {baseline_progress(model.predictions, progress.baseline_rows)}{few}"
    if not progress.judged:
        return _unjudged(progress)
    if main is None or main.value is None:
        why = "too few predictions have labels" if model.labels else "no labels have arrived"
        return f"Nothing is wrong; {why}, so accuracy is unknown"
    return f"Nothing is wrong: {describe_point(main)}"


def _urgency(incident: Incident) -> tuple[bool, bool, datetime]:
    """The most urgent first: critical, then of the model as a whole, then the longest."""
    return incident.severity != "critical", incident.segment not in (None, "all"), incident.since


def _unjudged(progress: Progress) -> str:
    if not progress.has_windows:
        return "Waiting for the first window to close"
    return f"Too few predictions {'in the latest window' if progress.was_judged else 'per window so far'}"


def baseline_progress(predictions: int, needed: int | None) -> str:
    """How many of the predictions that make a baseline are there.

    >>> baseline_progress(150, 5000), baseline_progress(6000, 5000), baseline_progress(150, None)
    ('150 of 5,000 predictions for its baseline', 'its baseline is being made', '150 predictions for its baseline')
    """
    if needed is None:
        return f"{predictions:,} predictions for its baseline"
    if predictions >= needed:
        return "its baseline is being made"
    return f"{predictions:,} of {needed:,} predictions for its baseline"


def first_window(closes: datetime, now: datetime) -> str:
    """When the first window closes, or that it has and waits for a worker.

    >>> from datetime import UTC
    >>> first_window(datetime(2026, 3, 3, 11, 2, tzinfo=UTC), datetime(2026, 3, 3, 10, tzinfo=UTC))
    'the first window closes 3 Mar 11:02 UTC'
    """
    if closes > now:
        return f"the first window closes {format_moment(closes, now)}"
    return f"the first window closed {format_moment(closes, now)} and waits for `kedge work`"


def incident_summary(incident: Incident) -> str:
    """What is wrong, and in which segment, where it is not the whole model."""
    summary = str(incident.evidence.get("summary") or incident.title)
    return summary if incident.segment in (None, "all") else f"{incident.segment}: {summary}"


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
