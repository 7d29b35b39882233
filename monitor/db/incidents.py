"""Incidents and their timelines.

Each change of an incident writes its timeline entry in the caller's transaction, so neither is ever there without the
other. Entries that people must hear of (FANNED_OUT) wait with `dispatched_at` empty until alerts have fanned them out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from monitor.db.audit import record_action
from monitor.db.models import Incident, IncidentEvent, Model, Monitor, ResponseRun
from monitor.errors import Conflict, InvalidValue, NotFound

STATES: Final = ("open", "acknowledged", "resolved")
SEVERITIES: Final = ("warning", "critical")
FANNED_OUT: Final = ("opened", "escalated", "resolved")
KEDGE: Final = "kedge"
"""The author of what Kedge does by itself."""


def open_incident(
    session: Session,
    *,
    model_id: int,
    monitor_id: int,
    metric: str,
    segment: str,
    severity: str,
    title: str,
    since: datetime,
    evidence: dict[str, Any],
    now: datetime,
) -> Incident:
    """Open an incident; the active one of this monitor and segment is returned as it is when there is one already."""
    _rank(severity)
    # Workers judging two windows of one monitor queue here, so that only the first one opens an incident.
    session.execute(select(Monitor.id).where(Monitor.id == monitor_id).with_for_update(key_share=True))
    active = active_incident(session, monitor_id, segment)
    if active is not None:
        return active
    incident = Incident(
        model_id=model_id,
        monitor_id=monitor_id,
        metric=metric,
        segment=segment,
        state="open",
        severity=severity,
        title=title,
        since=since,
        opened_at=now,
        evidence=evidence,
    )
    session.add(incident)
    session.flush()
    _add_event(session, incident.id, "opened", KEDGE, str(evidence.get("summary") or title), now)
    return incident


def escalate_incident(
    session: Session, incident: Incident, *, severity: str, text: str, evidence: dict[str, Any], now: datetime
) -> bool:
    """Raise the severity; False, and nothing changes, when it is no higher or the incident is resolved."""
    lower = SEVERITIES[: _rank(severity)]
    if not _change(session, incident, Incident.severity.in_(lower), severity=severity, evidence=evidence):
        return False
    _add_event(session, incident.id, "escalated", KEDGE, text, now)
    return True


def resolve_incident(session: Session, incident: Incident, until: datetime, text: str, now: datetime) -> bool:
    """End an incident, whose breach lasted to `until` (event time); False when it was resolved already.

    Its response runs that are done count as verified: the metric recovered after them.
    """
    if not _change(session, incident, state="resolved", until=until, resolved_at=now):
        return False
    _add_event(session, incident.id, "resolved", KEDGE, text, now)
    verified = session.scalars(
        update(ResponseRun)
        .where(ResponseRun.incident_id == incident.id, ResponseRun.state == "done", ResponseRun.verified_at.is_(None))
        .values(verified_at=now)
        .returning(ResponseRun.response)
    ).all()
    for response in sorted(verified):
        _add_event(session, incident.id, "note", KEDGE, f"response {response} verified: the metric recovered", now)
    return True


def end_incidents(session: Session, monitor_id: int, text: str, now: datetime) -> None:
    """Resolve whatever is open about a monitor that stops looking."""
    for incident in active_incidents(session, monitor_id):
        resolve_incident(session, incident, now, text, now)


def acknowledge_incident(session: Session, incident_id: int, by: str, now: datetime) -> Incident:
    """Record that `by` looks after it; the first one to say so stands. Raises Conflict once it is resolved."""
    incident = find_incident(session, incident_id)
    if incident.state == "resolved":
        raise Conflict(f"incident {incident_id} is resolved; only open incidents can be acknowledged")
    if _change(
        session, incident, Incident.state == "open", state="acknowledged", acknowledged_at=now, acknowledged_by=by
    ):
        _add_event(session, incident_id, "acknowledged", by, f"acknowledged by {by}", now)
        record_action(session, now, by, "incident.acknowledged", f"incident {incident_id}")
    return incident


def add_note(session: Session, incident_id: int, author: str, text: str, now: datetime) -> IncidentEvent:
    """Write on the timeline. Raises NotFound, and InvalidValue for an empty note."""
    if not text.strip():
        raise InvalidValue("a note can't be empty")
    return _add_event(session, find_incident(session, incident_id).id, "note", author, text.strip(), now)


def update_evidence(session: Session, incident: Incident, evidence: dict[str, Any]) -> None:
    """Keep the evidence of a running incident current; nobody is told."""
    incident.evidence = evidence
    session.flush()


def active_incident(session: Session, monitor_id: int, segment: str) -> Incident | None:
    """The unresolved incident of this monitor and segment; there is at most one."""
    return session.scalar(
        select(Incident)
        .where(Incident.monitor_id == monitor_id, Incident.segment == segment, Incident.state != "resolved")
        .order_by(Incident.id)
        .limit(1)
    )


def is_broken_as_a_whole(session: Session, model_id: int, metric: str) -> bool:
    """Whether the model has an unresolved incident about this metric of all its predictions."""
    statement = select(Incident.id).where(
        Incident.model_id == model_id,
        Incident.metric == metric,
        Incident.segment == "all",
        Incident.state != "resolved",
    )
    return session.scalar(statement.limit(1)) is not None


def columns_in_trouble(session: Session, model_id: int, metrics: Collection[str]) -> set[str]:
    """The columns that the model's unresolved incidents about these metrics name."""
    statement = select(Incident.evidence).where(
        Incident.model_id == model_id,
        Incident.metric.in_(metrics),
        Incident.segment == "all",
        Incident.state != "resolved",
    )
    return {column["name"] for evidence in session.scalars(statement) for column in evidence.get("columns", [])}


def active_incidents(session: Session, monitor_id: int) -> Sequence[Incident]:
    """The unresolved incidents of this monitor, over all segments."""
    statement = select(Incident).where(Incident.monitor_id == monitor_id, Incident.state != "resolved")
    return session.scalars(statement.order_by(Incident.id)).all()


def find_incident(session: Session, incident_id: int) -> Incident:
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise NotFound(f"incident {incident_id} does not exist")
    return incident


def list_incidents(
    session: Session, model_id: int | None = None, states: Collection[str] | None = None, limit: int = 100
) -> Sequence[Incident]:
    """Incidents, the latest first; `states` keeps those in one of them."""
    statement = select(Incident).order_by(Incident.opened_at.desc(), Incident.id.desc()).limit(limit)
    if model_id is not None:
        statement = statement.where(Incident.model_id == model_id)
    if states is not None:
        if unknown := sorted(set(states) - set(STATES)):
            raise InvalidValue(f"incident state {unknown[0]!r} is not known; accepted: {', '.join(STATES)}")
        statement = statement.where(Incident.state.in_(states))
    return session.scalars(statement).all()


def incident_events(session: Session, incident_id: int) -> Sequence[IncidentEvent]:
    """The timeline, from its beginning."""
    return session.scalars(
        select(IncidentEvent).where(IncidentEvent.incident_id == incident_id).order_by(IncidentEvent.id)
    ).all()


def waiting_events(session: Session, limit: int = 1000) -> Sequence[int]:
    """The ids of the changes that nobody has fanned out, oldest first."""
    statement = select(IncidentEvent.id).where(IncidentEvent.dispatched_at.is_(None)).order_by(IncidentEvent.id)
    return session.scalars(statement.limit(limit)).all()


def claim_event(session: Session, event_id: int, now: datetime) -> tuple[IncidentEvent, Incident, Model] | None:
    """Take a waiting change for fanning out in this transaction; None when another worker has it."""
    claimed = session.scalar(
        update(IncidentEvent)
        .where(IncidentEvent.id == event_id, IncidentEvent.dispatched_at.is_(None))
        .values(dispatched_at=now)
        .returning(IncidentEvent.id)
    )
    if claimed is None:
        return None
    event = session.get_one(IncidentEvent, event_id, populate_existing=True)
    incident = session.get_one(Incident, event.incident_id)
    return event, incident, session.get_one(Model, incident.model_id)


def _change(session: Session, incident: Incident, *conditions: Any, **values: Any) -> bool:
    """Change an unresolved incident if the conditions still hold in the database, whatever this session read before."""
    changed = session.scalar(
        update(Incident)
        .where(Incident.id == incident.id, Incident.state != "resolved", *conditions)
        .values(**values)
        .returning(Incident.id)
        .execution_options(synchronize_session=False)
    )
    session.refresh(incident)
    return changed is not None


def _add_event(session: Session, incident_id: int, kind: str, author: str, text: str, now: datetime) -> IncidentEvent:
    # What nobody has to hear of is born dispatched, so that the queue of waiting changes holds only work.
    dispatched_at = None if kind in FANNED_OUT else now
    event = IncidentEvent(
        incident_id=incident_id, at=now, kind=kind, author=author, text=text, dispatched_at=dispatched_at
    )
    session.add(event)
    session.flush()
    return event


def _rank(severity: str) -> int:
    if severity not in SEVERITIES:
        raise InvalidValue(f"severity {severity!r} is not known; accepted: {', '.join(SEVERITIES)}")
    return SEVERITIES.index(severity)
