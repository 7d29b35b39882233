"""Monitors: what each model is watched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from monitor.db.models import Monitor


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
                created_at=now,
            )
        )
    session.flush()
    return len(new)
