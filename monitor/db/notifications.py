"""Notifications: one message to one channel about one incident event, claimed by lease and sent at least once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from monitor.db.models import Incident, IncidentEvent, Model, ModelVersion, Monitor, Notification, ResponseRun


@dataclass(frozen=True, slots=True)
class Subject:
    """What a notification is about, read when it is sent so that the message tells the latest."""

    event: IncidentEvent
    incident: Incident
    model: Model
    monitor: Monitor
    runs: Sequence[ResponseRun]
    versions: Sequence[ModelVersion] = ()


def add_notification(session: Session, event_id: int, channel: str, state: str, reason: str, now: datetime) -> None:
    """Queue a message (`pending`), or record that none is sent and why (`suppressed`)."""
    session.add(
        Notification(
            id=f"msg_{uuid4().hex}",
            incident_event_id=event_id,
            channel=channel,
            state=state,
            reason=reason,
            next_attempt_at=now,
            created_at=now,
        )
    )
    session.flush()


def was_told(session: Session, incident_id: int, channel: str) -> bool:
    """Whether the channel got, or is about to get, a message about this incident."""
    statement = (
        select(Notification.id)
        .join(IncidentEvent, IncidentEvent.id == Notification.incident_event_id)
        .where(
            IncidentEvent.incident_id == incident_id,
            Notification.channel == channel,
            Notification.state.in_(("pending", "sent")),
        )
    )
    return session.scalar(statement.limit(1)) is not None


def due_channels(session: Session, now: datetime) -> Sequence[str]:
    """The channels that have something to send now."""
    return session.scalars(
        select(Notification.channel).where(_due(now)).distinct().order_by(Notification.channel)
    ).all()


def claim_notification(session: Session, channel: str, now: datetime, lease: timedelta) -> Notification | None:
    """Take the channel's oldest due notification and count an attempt; None when nothing is due.

    A message waits while an earlier one about the same incident is still on its way to the same channel, so nobody
    reads "resolved" before "opened".
    """
    earlier, earlier_event = aliased(Notification), aliased(IncidentEvent)
    overtakes = exists().where(
        earlier.channel == Notification.channel,
        earlier.state == "pending",
        earlier.incident_event_id < Notification.incident_event_id,
        earlier_event.id == earlier.incident_event_id,
        earlier_event.incident_id == IncidentEvent.incident_id,
    )
    candidates = session.scalars(
        select(Notification.id)
        .join(IncidentEvent, IncidentEvent.id == Notification.incident_event_id)
        .where(Notification.channel == channel, _due(now), ~overtakes)
        .order_by(Notification.incident_event_id)
        .limit(20)
    ).all()
    for candidate in candidates:
        claimed = session.scalar(
            update(Notification)
            .where(Notification.id == candidate, _due(now))
            .values(lease_until=now + lease, attempts=Notification.attempts + 1)
            .returning(Notification.id)
        )
        if claimed is not None:
            return session.get_one(Notification, candidate, populate_existing=True)
    return None


def read_subject(session: Session, notification: Notification) -> Subject:
    event = session.get_one(IncidentEvent, notification.incident_event_id)
    incident = session.get_one(Incident, event.incident_id)
    runs = select(ResponseRun).where(ResponseRun.incident_id == incident.id).order_by(ResponseRun.created_at)
    return Subject(
        event=event,
        incident=incident,
        model=session.get_one(Model, incident.model_id),
        monitor=session.get_one(Monitor, incident.monitor_id),
        runs=session.scalars(runs).all(),
        versions=session.scalars(select(ModelVersion).where(ModelVersion.model_id == incident.model_id)).all(),
    )


def record_sent(session: Session, notification: Notification, receipt: str, now: datetime) -> None:
    """The channel took it. This stands even when the lease was lost meanwhile: it was sent."""
    session.execute(
        update(Notification)
        .where(Notification.id == notification.id)
        .values(state="sent", sent_at=now, receipt=receipt, lease_until=None)
    )


def record_retry(session: Session, notification: Notification, error: str, at: datetime) -> None:
    """The attempt failed; try again at `at`. The first reason stays, the receipt says what went wrong last."""
    _record(session, notification, receipt=error, next_attempt_at=at)


def record_failed(session: Session, notification: Notification, error: str) -> None:
    """It is given up."""
    _record(session, notification, receipt=error, state="failed")


def postpone_channel(session: Session, channel: str, until: datetime) -> None:
    """The channel asked to be left alone until then; its waiting messages lose no attempt over it."""
    session.execute(
        update(Notification)
        .where(
            Notification.channel == channel,
            Notification.state == "pending",
            Notification.lease_until.is_(None),
            Notification.next_attempt_at < until,
        )
        .values(next_attempt_at=until)
    )


def incident_notifications(session: Session, incident_id: int) -> Sequence[Notification]:
    """Every message about an incident, in the order of its timeline."""
    return session.scalars(
        select(Notification)
        .join(IncidentEvent, IncidentEvent.id == Notification.incident_event_id)
        .where(IncidentEvent.incident_id == incident_id)
        .order_by(Notification.incident_event_id, Notification.channel)
    ).all()


def _record(session: Session, notification: Notification, **values: object) -> None:
    # The count of attempts is the fencing token: whoever lost the lease has a smaller one and changes nothing.
    session.execute(
        update(Notification)
        .where(
            Notification.id == notification.id,
            Notification.state == "pending",
            Notification.attempts == notification.attempts,
        )
        .values(lease_until=None, **values)
    )


def _due(now: datetime) -> ColumnElement[bool]:
    free = or_(Notification.lease_until.is_(None), Notification.lease_until < now)
    return (Notification.state == "pending") & (Notification.next_attempt_at <= now) & free
