"""Monitors: what each model is watched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.db.models import Monitor
from monitor.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class NewMonitor:
    """A monitor that is to be stored; the fields are those of the table."""

    name: str
    metric: str
    window_seconds: int
    threshold: dict[str, Any]
    breaches: int
    looks: int
    recoveries: int
    min_rows: int
    severity: str
    segment: str = "all"


def list_monitors(session: Session, model_id: int, enabled_only: bool = True) -> Sequence[Monitor]:
    statement = select(Monitor).where(Monitor.model_id == model_id).order_by(Monitor.id)
    return session.scalars(statement.where(Monitor.enabled) if enabled_only else statement).all()


def add_monitors(session: Session, model_id: int, monitors: Sequence[NewMonitor], now: datetime) -> int:
    """Store the monitors whose names the model does not have yet; returns how many were new."""
    known = {monitor.name for monitor in list_monitors(session, model_id, enabled_only=False)}
    new = [monitor for monitor in monitors if monitor.name not in known]
    for monitor in new:
        session.add(
            Monitor(
                model_id=model_id,
                name=monitor.name,
                metric=monitor.metric,
                window_seconds=monitor.window_seconds,
                threshold=monitor.threshold,
                breaches=monitor.breaches,
                looks=monitor.looks,
                recoveries=monitor.recoveries,
                min_rows=monitor.min_rows,
                severity=monitor.severity,
                segment=monitor.segment,
                created_at=now,
            )
        )
    session.flush()
    return len(new)


def find_monitor(session: Session, model_id: int, name: str) -> Monitor:
    """The model's monitor of this name. Raises NotFound naming those there are."""
    known = list_monitors(session, model_id, enabled_only=False)
    for monitor in known:
        if monitor.name == name:
            return monitor
    raise NotFound(f"monitor {name!r} does not exist; known: {', '.join(m.name for m in known) or 'none yet'}")


def change_monitor(session: Session, monitor: Monitor, new: NewMonitor) -> None:
    """Give a monitor other settings; its name, its metric and its history stay. Raises Conflict for another metric."""
    if (new.name, new.metric) != (monitor.name, monitor.metric):
        raise Conflict(f"monitor {monitor.name!r} is of {monitor.metric}; for {new.metric} add a monitor of its own")
    for field in fields(NewMonitor):
        setattr(monitor, field.name, getattr(new, field.name))
    session.flush()


def enable_monitor(session: Session, monitor: Monitor, enabled: bool) -> None:
    monitor.enabled = enabled
    session.flush()


def remove_monitor(session: Session, monitor: Monitor) -> None:
    """Delete a monitor with its evaluations and incidents; the metric's points stay."""
    session.delete(monitor)
    session.flush()
