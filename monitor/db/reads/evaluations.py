"""Monitors and their evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from monitor.db.models import Evaluation, Monitor
from monitor.metrics import BY_THE_CLOCK


def list_monitors(session: Session, model_id: int) -> Sequence[Monitor]:
    return session.scalars(select(Monitor).where(Monitor.model_id == model_id).order_by(Monitor.name)).all()


def latest_evaluations(session: Session, model_id: int) -> dict[int, Evaluation]:
    """The newest evaluation of each of the model's monitors, by monitor id; of several segments, one in breach."""
    newest = (
        select(Evaluation.monitor_id, func.max(Evaluation.window_start).label("start"))
        .join(Monitor, Monitor.id == Evaluation.monitor_id)
        .where(Monitor.model_id == model_id)
        .group_by(Evaluation.monitor_id)
        .subquery()
    )
    rows = session.scalars(
        select(Evaluation)
        .join(newest, (newest.c.monitor_id == Evaluation.monitor_id) & (newest.c.start == Evaluation.window_start))
        .order_by(case((Evaluation.verdict == "breach", 1), else_=0), Evaluation.segment)
    )
    return {row.monitor_id: row for row in rows}


def has_verdict(session: Session, model_id: int) -> bool:
    """Whether any window of the model was ever decided, its silence apart."""
    statement = (
        select(Evaluation.id)
        .join(Monitor, Monitor.id == Evaluation.monitor_id)
        .where(Monitor.model_id == model_id, Monitor.metric.not_in(BY_THE_CLOCK))
        .where(Evaluation.verdict.in_(("ok", "breach")))
    )
    return session.scalar(statement.limit(1)) is not None


def read_evaluations(
    session: Session,
    model_id: int,
    *,
    monitor: str | None = None,
    metric: str | None = None,
    size: int | None = None,
    segment: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
) -> list[tuple[Monitor, Evaluation]]:
    """Evaluations with windows starting in [start, end), the newest first.

    Those of a `metric` are of monitors that judge it window by window: one that watches the sequence of its values says
    nothing of single columns.
    """
    statement = (
        select(Monitor, Evaluation)
        .join(Evaluation, Evaluation.monitor_id == Monitor.id)
        .where(Monitor.model_id == model_id)
        .order_by(Evaluation.window_start.desc(), Monitor.name)
        .limit(limit)
    )
    conditions = {
        Monitor.name: monitor,
        Monitor.metric: metric,
        Monitor.window_seconds: size,
        Evaluation.segment: segment,
    }
    for column, wanted in conditions.items():
        if wanted is not None:
            statement = statement.where(column == wanted)
    if metric is not None:
        statement = statement.where(Monitor.threshold["kind"].as_string().is_distinct_from("sequence"))
    if start is not None:
        statement = statement.where(Evaluation.window_start >= start)
    if end is not None:
        statement = statement.where(Evaluation.window_start < end)
    return [(row[0], row[1]) for row in session.execute(statement)]
