"""What a message says: what happened, how bad, since when, why, what next, and where to look. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alerts.evidence import number, shareable
from alerts.links import around, incident_link, model_link
from monitor.db.models import ResponseRun
from monitor.db.notifications import Subject
from monitor.windows import format_duration, format_size

TOP_COLUMNS: Final = 3
_RECENT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Message:
    """One message about one change of one incident, ready for a channel to lay out.

    `id` is the same in every attempt; `sent_at` is the time of this one. `since` and `until` are event times.
    """

    id: str
    kind: str  # opened, escalated or resolved
    reason: str  # why it is sent
    sent_at: datetime
    event_at: datetime
    incident_id: int
    model: str
    monitor: str
    metric: str
    segment: str
    severity: str
    title: str
    summary: str
    since: datetime
    until: datetime | None
    opened_at: datetime
    resolved_at: datetime | None
    window: timedelta
    evidence: dict[str, Any]
    columns: str
    explanation: str
    cause: str
    next_step: str
    incident_url: str | None
    model_url: str | None

    @property
    def duration(self) -> timedelta | None:
        """How long the breach lasted, in event time; None while it lasts."""
        return self.until - self.since if self.until is not None else None

    @property
    def headline(self) -> str:
        return self.title if self.title.startswith(self.model) else f"{self.model}: {self.title}"


def build_message(subject: Subject, message_id: str, reason: str, sent_at: datetime, public_url: str) -> Message:
    """The message about `subject`. An `opened` that is sent late still tells what was opened, not how it ended."""
    incident, event = subject.incident, subject.event
    evidence = shareable(incident.evidence)
    window = timedelta(seconds=subject.monitor.window_seconds)
    resolved = event.kind == "resolved"
    until = incident.until if resolved else None
    shown = around(incident.since, until or breach_end(evidence, incident.since, window), window)
    return Message(
        id=message_id,
        kind=event.kind,
        reason=reason,
        sent_at=sent_at,
        event_at=event.at,
        incident_id=incident.id,
        model=subject.model.name,
        monitor=subject.monitor.name,
        metric=incident.metric,
        segment=incident.segment,
        severity=incident.severity,
        title=incident.title,
        summary=event.text if resolved else str(evidence.get("summary") or event.text or incident.title),
        since=incident.since,
        until=until,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at if resolved else None,
        window=window,
        evidence=evidence,
        columns=top_columns(evidence["columns"]),
        explanation="" if resolved else str(evidence.get("explanation", "")),
        cause="" if resolved else likely_cause(evidence, incident.since),
        next_step=next_step(subject.runs, resolved),
        incident_url=incident_link(public_url, incident.id),
        model_url=model_link(public_url, subject.model.name, *shown),
    )


def breach_end(evidence: dict[str, Any], since: datetime, window: timedelta) -> datetime:
    """The end of the last window in breach, as far as the evidence tells."""
    start = parse_time(evidence.get("window", {}).get("start"))
    return max(start or since, since) + window


def top_columns(columns: Sequence[dict[str, Any]]) -> str:
    """The worst columns in words.

    >>> top_columns([{"name": "temp", "value": 0.41, "limit": 0.2}] + [{"name": f"x{i}"} for i in range(11)])
    'temp 0.41 (limit 0.2), x0, x1, +9 more'
    """
    shown = [_column(column) for column in columns[:TOP_COLUMNS]]
    if len(columns) > TOP_COLUMNS:
        shown.append(f"+{len(columns) - TOP_COLUMNS} more")
    return ", ".join(shown)


def likely_cause(evidence: dict[str, Any], since: datetime) -> str:
    """The newest version in the breach, if it is new enough to be to blame; else nothing."""
    started = {version["name"]: parse_time(version.get("first_event_time")) for version in evidence["versions"]}
    recent = {name: at for name, at in started.items() if at is not None and at >= since - _RECENT}
    if not recent:
        return ""
    name = max(recent, key=lambda version: recent[version])
    at = recent[name]
    when = f"{format_duration(since - at)} before the breach" if at < since else "as the breach went on"
    share = next((number(v.get("share")) for v in evidence["versions"] if v["name"] == name), None)
    traffic = "" if share is None else f", and has {share:.0%} of the traffic"
    return f"Version {name} began to serve on {format_time(at)}, {when}{traffic}."


def next_step(runs: Sequence[ResponseRun], resolved: bool) -> str:
    """What Kedge is doing about it, or what a person should do."""
    if runs:
        return "; ".join(_run(run) for run in runs)
    return "Nothing to do." if resolved else "No response acts on this metric: look for the cause in the incident."


def format_time(moment: datetime) -> str:
    """
    >>> format_time(datetime(2026, 3, 2, 11, 0, tzinfo=UTC))
    '2 Mar 2026 11:00 UTC'
    """
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y %H:%M} UTC"


def format_window(message: Message) -> str:
    """
    The window and what it is compared with, as in "1h / held-out weeks".
    """
    baseline = message.evidence.get("baseline")
    return format_size(message.window) + (f" / {baseline}" if baseline else "")


def parse_time(text: Any) -> datetime | None:
    """An ISO time with its zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def _column(column: dict[str, Any]) -> str:
    value, limit = number(column.get("value")), number(column.get("limit"))
    text = column["name"] if value is None else f"{column['name']} {value:.3g}"
    return text if value is None or limit is None else f"{text} (limit {limit:.3g})"


def _run(run: ResponseRun) -> str:
    what = run.response if run.response == run.kind else f"{run.response} ({run.kind})"
    why = f": {run.reason}" if run.state in ("blocked", "failed") else ""
    return f"{what} {run.state.replace('_', ' ')}{', verified' if run.verified_at else ''}{why}"
