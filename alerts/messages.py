"""What a message says: what happened, how bad, since when, why, what next, and where to look. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from alerts.evidence import number, shareable
from alerts.links import around, incident_link, model_link
from monitor.db.models import ModelVersion, ResponseRun
from monitor.db.notifications import Subject
from monitor.metrics import format_value
from monitor.quality.finding import finding_text
from monitor.windows import format_duration, format_size, span_of

TOP_COLUMNS: Final = 3
_RECENT: Final = timedelta(days=7)
_RUN_STATES: Final = {
    "pending": "is about to begin",
    "running": "is under way",
    "done": "is done",
    "failed": "failed",
    "blocked": "was not started",
    "dry_run": "was only planned (dry run)",
}


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
    evidence["versions"] = [_dated(version, subject.versions) for version in evidence["versions"]]
    size = timedelta(seconds=subject.monitor.window_seconds)
    span = span_of(evidence, size)
    resolved = event.kind == "resolved"
    until = incident.until if resolved else None
    shown = around(incident.since, until or breach_end(evidence, incident.since, span), span)
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
        window=size,
        evidence=evidence,
        columns=top_columns(evidence["columns"], incident.metric),
        explanation="" if resolved else str(evidence.get("explanation", "")),
        cause="" if resolved else likely_cause(evidence, incident.since, subject.versions),
        next_step=next_step(subject.runs, resolved, incident.id),
        incident_url=incident_link(public_url, incident.id),
        model_url=model_link(public_url, subject.model.name, *shown),
    )


def breach_end(evidence: dict[str, Any], since: datetime, window: timedelta) -> datetime:
    """The end of the last window in breach, as far as the evidence tells."""
    start = parse_time(evidence.get("window", {}).get("start"))
    return max(start or since, since) + window


def top_columns(columns: Sequence[dict[str, Any]], metric: str) -> str:
    """The worst columns in words; of data quality, with what is wrong with each.

    >>> top_columns([{"name": "temp", "value": 0.41, "limit": 0.2}] + [{"name": f"x{i}"} for i in range(11)], "drift")
    'temp 0.41 (limit 0.20), x0, x1, +9 more'
    >>> top_columns([{"name": "age", "kind": "missing", "value": 0.34, "limit": 0.03}], "data_quality")
    'age missing 34.0 % (limit 3.0 %)'
    """
    shown = [_column(column, metric) for column in columns[:TOP_COLUMNS]]
    if len(columns) > TOP_COLUMNS:
        shown.append(f"+{len(columns) - TOP_COLUMNS} more")
    return ", ".join(shown)


def likely_cause(evidence: dict[str, Any], since: datetime, versions: Sequence[ModelVersion]) -> str:
    """The newest version in the breach, if it is new enough to be to blame and replaced another; else nothing."""
    shares = {version["name"]: number(version.get("share")) for version in evidence["versions"]}
    served = [version for version in versions if version.name in shares]
    newest = max(served, key=lambda version: version.first_event_time, default=None)
    if newest is None or newest.first_event_time < since - _RECENT:
        return ""
    at, share = newest.first_event_time, shares[newest.name]
    if all(version.first_event_time >= at for version in versions):
        return ""  # the first version there is; nothing was deployed
    when = f"{format_duration(since - at)} before the breach" if at < since else "as the breach went on"
    traffic = "" if share is None else f", and has {share:.0%} of the traffic"
    return f"Version {newest.name} began to serve on {format_time(at)}, {when}{traffic}."


def next_step(runs: Sequence[ResponseRun], resolved: bool, incident_id: int) -> str:
    """What Kedge is doing about it, or what a person should do."""
    if runs:
        return "; ".join(_run(run) for run in runs)
    if resolved:
        return "Nothing to do."
    return (
        f"No response acts on this metric. Take it on with `kedge incident ack {incident_id}` and look for the cause."
    )


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


def _column(column: dict[str, Any], metric: str) -> str:
    value, limit, kind = number(column.get("value")), number(column.get("limit")), str(column.get("kind") or "")
    written = partial(finding_text, kind) if kind else partial(format_value, metric)
    named = column["name"] if kind in ("", column["name"]) else f"{column['name']} {kind.replace('_', ' ')}"
    if kind in ("schema", "constant") or value is None:  # their share of the rows tells nothing more
        return named
    return f"{named} {written(value)}" + (f" (limit {written(limit)})" if limit is not None else "")


def _dated(served: dict[str, Any], versions: Sequence[ModelVersion]) -> dict[str, Any]:
    """A version of the evidence, with when it began to serve."""
    began = next((version.first_event_time for version in versions if version.name == served["name"]), None)
    return served if began is None else {**served, "first_event_time": began.isoformat()}


def _run(run: ResponseRun) -> str:
    what = run.response if run.response == run.kind else f"{run.response} ({run.kind})"
    why = f": {run.reason}" if run.state in ("blocked", "failed") else ""
    return f"{what} {_RUN_STATES.get(run.state, run.state)}{', verified' if run.verified_at else ''}{why}"
