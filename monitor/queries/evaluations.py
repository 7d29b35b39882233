"""Monitors and the verdicts they reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.db.catalog import find_model
from monitor.db.database import Database
from monitor.db.models import Evaluation, Monitor
from monitor.db.reads.evaluations import latest_evaluations, list_monitors, read_evaluations


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One verdict of one monitor on one window, with its words."""

    monitor: str
    metric: str
    segment: str
    window: datetime
    size: timedelta
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str
    evidence: dict[str, Any]
    evaluated_at: datetime


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """A monitor and its latest verdict, None before the first."""

    name: str
    metric: str
    segment: str
    size: timedelta
    threshold: dict[str, Any]
    breaches: int
    looks: int
    recoveries: int
    min_rows: int
    severity: str
    enabled: bool
    latest: EvaluationRow | None


def evaluations(
    db: Database,
    model: str,
    monitor: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 500,
) -> list[EvaluationRow]:
    """Verdicts on windows starting in [start, end), the newest first."""
    with db.reading() as session:
        found = find_model(session, model)
        rows = read_evaluations(session, found.id, monitor=monitor, start=start, end=end, limit=limit)
    return [_evaluation(owner, row) for owner, row in rows]


def monitors(db: Database, model: str) -> list[MonitorRow]:
    """The model's monitors by name."""
    with db.reading() as session:
        found = find_model(session, model)
        latest = latest_evaluations(session, found.id)
        return [
            MonitorRow(
                m.name,
                m.metric,
                m.segment,
                timedelta(seconds=m.window_seconds),
                m.threshold,
                m.breaches,
                m.looks,
                m.recoveries,
                m.min_rows,
                m.severity,
                m.enabled,
                _evaluation(m, latest[m.id]) if m.id in latest else None,
            )
            for m in list_monitors(session, found.id)
        ]


def _evaluation(owner: Monitor, row: Evaluation) -> EvaluationRow:
    return EvaluationRow(
        owner.name,
        owner.metric,
        row.segment,
        row.window_start,
        timedelta(seconds=owner.window_seconds),
        row.verdict,
        row.value,
        row.low,
        row.high,
        row.n,
        row.reason,
        row.evidence,
        row.evaluated_at,
    )
