"""Incidents: what went wrong, since when, who was told, and what was done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.db.catalog import find_model
from monitor.db.database import Database
from monitor.db.models import Incident, Model, Monitor
from monitor.db.reads.incidents import events_of, find_incident, list_incidents, notifications_of, runs_of
from monitor.errors import InvalidValue, NotFound
from monitor.queries.states import incident_summary
from monitor.windows import span_of

STATES = ("open", "acknowledged", "resolved")


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident. `since` and `until` are event times; `lasted` runs to `until`, or to the latest data while open."""

    id: int
    model: str
    monitor: str
    metric: str
    segment: str
    state: str
    severity: str
    title: str
    summary: str
    since: datetime
    until: datetime | None
    lasted: timedelta
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One entry of the timeline."""

    at: datetime
    kind: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class NotificationRow:
    """One message to one channel: about which event, why it was sent or held back, and what became of it.

    `receipt` is the result of the last attempt: the channel's answer, or the error. `next_attempt_at` is None unless
    the message still waits.
    """

    id: str
    event: str
    channel: str
    state: str
    reason: str
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    receipt: str | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One guarded run of a response; `reason` is the guard's or the target's word."""

    id: str
    response: str
    kind: str
    state: str
    reason: str
    plan: dict[str, Any]
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    verified_at: datetime | None
    receipt: str | None


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """An incident with its evidence (see docs/architecture.md), timeline, messages and responses.

    `size` is its monitor's, below zero for a count of rows; `span` is how long its windows are.
    """

    row: IncidentRow
    evidence: dict[str, Any]
    size: timedelta
    span: timedelta
    events: tuple[EventRow, ...]
    notifications: tuple[NotificationRow, ...]
    runs: tuple[RunRow, ...]


def incidents(
    db: Database, model: str | None = None, states: Sequence[str] | None = None, limit: int = 500
) -> list[IncidentRow]:
    """Incidents of one model or of all: those that are not over first, then the newest first."""
    for state in states or ():
        if state not in STATES:
            raise InvalidValue(f"incident state {state!r} is not known; accepted: {', '.join(STATES)}")
    with db.reading() as session:
        model_id = find_model(session, model).id if model is not None else None
        found = list_incidents(session, model_id, states, limit)
    return [_row(*row) for row in found]


def incident_detail(db: Database, incident_id: int) -> IncidentDetail:
    """Raises NotFound for an unknown incident."""
    with db.reading() as session:
        found = find_incident(session, incident_id)
        if found is None:
            raise NotFound(f"incident {incident_id} does not exist")
        incident, _, monitor = found
        return IncidentDetail(
            row=_row(*found),
            evidence=incident.evidence,
            size=(size := timedelta(seconds=monitor.window_seconds)),
            span=span_of(incident.evidence, size),
            events=tuple(EventRow(e.at, e.kind, e.author, e.text) for e in events_of(session, incident_id)),
            notifications=tuple(
                NotificationRow(n.id, event.kind, n.channel, n.state, n.reason, n.attempts, n.created_at, n.sent_at,
                                n.receipt, n.next_attempt_at if n.state == "pending" else None)
                for n, event in notifications_of(session, incident_id)
            ),
            runs=tuple(
                RunRow(r.id, r.response, r.kind, r.state, r.reason, r.plan, r.attempts, r.created_at,
                       r.finished_at, r.verified_at, r.receipt)
                for r in runs_of(session, incident_id)
            ),
        )  # fmt: skip


def _row(incident: Incident, model: Model, monitor: Monitor) -> IncidentRow:
    end = incident.until or max(model.watermark or incident.since, incident.since)
    return IncidentRow(
        id=incident.id,
        model=model.name,
        monitor=monitor.name,
        metric=incident.metric,
        segment=incident.segment,
        state=incident.state,
        severity=incident.severity,
        title=incident.title,
        summary=incident_summary(incident),
        since=incident.since,
        until=incident.until,
        lasted=end - incident.since,
        opened_at=incident.opened_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        resolved_at=incident.resolved_at,
    )
