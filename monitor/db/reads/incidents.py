"""Incidents with what was said and done about them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, case, select
from sqlalchemy.orm import Session

from monitor.db.models import Incident, IncidentEvent, Model, Monitor, Notification, ResponseRun

IncidentOf = tuple[Incident, Model, Monitor]


def list_incidents(
    session: Session, model_id: int | None = None, states: Sequence[str] | None = None, limit: int = 500
) -> list[IncidentOf]:
    """Incidents, those that are not over first, then the newest first."""
    over = case((Incident.state == "resolved", 1), else_=0)
    statement = _incidents().order_by(over, Incident.since.desc(), Incident.id.desc()).limit(limit)
    if model_id is not None:
        statement = statement.where(Incident.model_id == model_id)
    if states is not None:
        statement = statement.where(Incident.state.in_(states))
    return [(row[0], row[1], row[2]) for row in session.execute(statement)]


def find_incident(session: Session, incident_id: int) -> IncidentOf | None:
    row = session.execute(_incidents().where(Incident.id == incident_id)).first()
    return (row[0], row[1], row[2]) if row else None


def events_of(session: Session, incident_id: int) -> Sequence[IncidentEvent]:
    statement = select(IncidentEvent).where(IncidentEvent.incident_id == incident_id)
    return session.scalars(statement.order_by(IncidentEvent.at, IncidentEvent.id)).all()


def notifications_of(session: Session, incident_id: int) -> list[tuple[Notification, IncidentEvent]]:
    """Every message about the incident, with the event it is about, in the order they were made."""
    statement = (
        select(Notification, IncidentEvent)
        .join(IncidentEvent, IncidentEvent.id == Notification.incident_event_id)
        .where(IncidentEvent.incident_id == incident_id)
        .order_by(Notification.created_at, Notification.id)
    )
    return [(row[0], row[1]) for row in session.execute(statement)]


def runs_of(session: Session, incident_id: int) -> Sequence[ResponseRun]:
    statement = select(ResponseRun).where(ResponseRun.incident_id == incident_id)
    return session.scalars(statement.order_by(ResponseRun.created_at, ResponseRun.id)).all()


def _incidents() -> Select[Incident, Model, Monitor]:
    return (
        select(Incident, Model, Monitor)
        .join(Model, Model.id == Incident.model_id)
        .join(Monitor, Monitor.id == Incident.monitor_id)
    )
