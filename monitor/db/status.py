"""Counts of everything, for the status page, the demo and Prometheus."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from monitor.db.models import (
    Evaluation,
    Incident,
    IncidentEvent,
    MetricPoint,
    Model,
    Monitor,
    Notification,
    QuarantineRow,
    ResponseRun,
    WindowState,
)


def count_windows(session: Session) -> tuple[int, int]:
    """How many windows have been evaluated, and how many are waiting to be."""
    evaluated = select(func.count()).select_from(WindowState).where(WindowState.evaluated_revision > 0)
    waiting = select(func.count()).select_from(WindowState).where(WindowState.revision > WindowState.evaluated_revision)
    return session.scalar(evaluated) or 0, session.scalar(waiting) or 0


def count_evaluations(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Evaluation)) or 0


def count_labels_joined(session: Session) -> int:
    """Predictions of evaluated windows that have met their label, each window counted in one size only."""
    smallest = (
        select(Monitor.model_id, func.min(Monitor.window_seconds).label("seconds"))
        .where(Monitor.window_seconds > 0)
        .group_by(Monitor.model_id)
        .subquery()
    )
    statement = (
        select(func.sum(MetricPoint.value))
        .join(
            smallest,
            (smallest.c.model_id == MetricPoint.model_id) & (smallest.c.seconds == MetricPoint.size_seconds),
        )
        .where(MetricPoint.metric == "labels", MetricPoint.segment == "all")
    )
    return int(session.scalar(statement) or 0)


def count_stored(session: Session) -> tuple[int, int]:
    """Predictions and labels that are in the lake, over all models."""
    predictions, labels = session.execute(select(func.sum(Model.predictions), func.sum(Model.labels))).one()
    return int(predictions or 0), int(labels or 0)


def count_changes_waiting(session: Session) -> int:
    """Changes of incidents that have not been fanned out to channels and responses yet."""
    statement = select(func.count()).select_from(IncidentEvent).where(IncidentEvent.dispatched_at.is_(None))
    return session.scalar(statement) or 0


def count_by_state(session: Session) -> dict[str, dict[str, int]]:
    """Incidents, notifications and response runs by state, and the refused records as `quarantine`."""
    counts: dict[str, dict[str, int]] = {}
    for noun, column in (
        ("incidents", Incident.state),
        ("notifications", Notification.state),
        ("responses", ResponseRun.state),
    ):
        counts[noun] = dict(session.execute(select(column, func.count()).group_by(column)).tuples().all())
    counts["quarantine"] = {"records": session.scalar(select(func.count()).select_from(QuarantineRow)) or 0}
    return counts
