"""What evaluations write: profiles, metric points and verdicts. Writing the same window again replaces it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from monitor.db.models import Evaluation, MetricPoint, ProfileRow
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One verdict, ready to be stored."""

    monitor_id: int
    revision: int
    verdict: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str
    evidence: dict[str, Any]


def save_profile(
    session: Session, model_id: int, window: Window, payload: bytes, baseline_id: int | None, segment: str = "all"
) -> None:
    where = (
        ProfileRow.model_id == model_id,
        ProfileRow.segment == segment,
        ProfileRow.size_seconds == seconds_of(window),
        ProfileRow.start == window.start,
    )
    row = session.scalar(select(ProfileRow).where(*where))
    if row is None:
        row = ProfileRow(model_id=model_id, segment=segment, size_seconds=seconds_of(window), start=window.start)
        session.add(row)
    row.payload, row.baseline_id = payload, baseline_id
    session.flush()


def save_points(
    session: Session, model_id: int, window: Window, points: Iterable[Mapping[str, Any]], segment: str = "all"
) -> None:
    """Replace every point of this window; a point that is no longer computed goes away with the others."""
    seconds = seconds_of(window)
    session.execute(
        delete(MetricPoint).where(
            MetricPoint.model_id == model_id,
            MetricPoint.size_seconds == seconds,
            MetricPoint.start == window.start,
            MetricPoint.segment == segment,
        )
    )
    placed = {"model_id": model_id, "size_seconds": seconds, "start": window.start, "segment": segment}
    rows = [{**point, **placed} for point in points]
    if rows:
        session.execute(insert(MetricPoint), rows)


def save_evaluation(session: Session, window_start: datetime, row: EvaluationRow, now: datetime) -> None:
    evaluation = session.scalar(
        select(Evaluation).where(
            Evaluation.monitor_id == row.monitor_id,
            Evaluation.window_start == window_start,
            Evaluation.segment == "all",
        )
    )
    if evaluation is None:
        evaluation = Evaluation(monitor_id=row.monitor_id, window_start=window_start, segment="all")
        session.add(evaluation)
    evaluation.revision = row.revision
    evaluation.verdict = row.verdict
    evaluation.value, evaluation.low, evaluation.high = row.value, row.low, row.high
    evaluation.n = row.n
    evaluation.reason = row.reason
    evaluation.evidence = row.evidence
    evaluation.evaluated_at = now
    session.flush()


def latest_evaluations(session: Session, monitor_id: int, limit: int) -> list[Evaluation]:
    """The newest windows' evaluations, in window order."""
    statement = (
        select(Evaluation)
        .where(Evaluation.monitor_id == monitor_id)
        .order_by(Evaluation.window_start.desc())
        .limit(limit)
    )
    return list(reversed(session.scalars(statement).all()))


def earlier_values(
    session: Session, model_id: int, metrics: Sequence[str], window: Window, limit: int = 30
) -> dict[str, list[float]]:
    """Each metric's values in the windows of this size before this one, the newest last."""
    values: dict[str, list[float]] = {metric: [] for metric in metrics}
    for metric in metrics:
        statement = (
            select(MetricPoint.value)
            .where(
                MetricPoint.model_id == model_id,
                MetricPoint.metric == metric,
                MetricPoint.metric_column == "",
                MetricPoint.segment == "all",
                MetricPoint.size_seconds == seconds_of(window),
                MetricPoint.start < window.start,
                MetricPoint.status == "ok",
            )
            .order_by(MetricPoint.start.desc())
            .limit(limit)
        )
        values[metric] = [value for value in reversed(session.scalars(statement).all()) if value is not None]
    return values


def seconds_of(window: Window) -> int:
    return int(window.size.total_seconds())
