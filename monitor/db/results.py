"""What evaluations write: profiles, metric points and verdicts. Writing the same window again replaces it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.db.models import Evaluation, MetricPoint, ProfileRow
from monitor.points import Point
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
        ProfileRow.size_seconds == window.seconds,
        ProfileRow.start == window.start,
    )
    row = session.scalar(select(ProfileRow).where(*where))
    if row is None:
        row = ProfileRow(model_id=model_id, segment=segment, size_seconds=window.seconds, start=window.start)
        session.add(row)
    row.payload, row.baseline_id = payload, baseline_id
    session.flush()


def point_row(point: Point) -> dict[str, Any]:
    """A point as its table has it."""
    row: dict[str, Any] = msgspec.to_builtins(point)
    row["metric_column"] = row.pop("column")
    return row


def save_points(
    session: Session, model_id: int, window: Window, points: Iterable[Mapping[str, Any]], segment: str = "all"
) -> None:
    """Replace every point of this window; a point that is no longer computed goes away with the others."""
    seconds = window.seconds
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


def keep_segments(
    session: Session, model_id: int, window: Window, segments: Collection[str], monitor_ids: Collection[int]
) -> None:
    """Forget what was stored of this window's segments that it no longer has: late rows may change which are the top.

    Evaluations that go are those of the monitors given, which are those of this window's size.
    """
    for table in (ProfileRow, MetricPoint):
        session.execute(
            delete(table).where(
                table.model_id == model_id,
                table.size_seconds == window.seconds,
                table.start == window.start,
                table.segment.contains("="),
                table.segment.not_in(segments),
            )
        )
    session.execute(
        delete(Evaluation).where(
            Evaluation.monitor_id.in_(monitor_ids),
            Evaluation.window_start == window.start,
            Evaluation.segment.contains("="),
            Evaluation.segment.not_in(segments),
        )
    )


def save_evaluation(
    session: Session, window_start: datetime, row: EvaluationRow, now: datetime, segment: str = "all"
) -> None:
    """Write a verdict; one of the same monitor, window and segment is replaced."""
    insert_into = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    key = {"monitor_id": row.monitor_id, "window_start": window_start, "segment": segment}
    values = {**{field.name: getattr(row, field.name) for field in fields(row)}, "evaluated_at": now}
    values.pop("monitor_id")
    statement = insert_into(Evaluation).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def latest_evaluations(session: Session, monitor_id: int, limit: int, segment: str = "all") -> list[Evaluation]:
    """The newest windows' evaluations of one segment, in window order."""
    statement = (
        select(Evaluation)
        .where(Evaluation.monitor_id == monitor_id, Evaluation.segment == segment)
        .order_by(Evaluation.window_start.desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return list(reversed(session.scalars(statement).all()))


def earlier_values(
    session: Session, model_id: int, metrics: Sequence[str], window: Window, limit: int = 30, segment: str = "all"
) -> dict[str, list[float]]:
    """Each metric's values in the windows of this size and segment before this one, the newest last."""
    values: dict[str, list[float]] = {metric: [] for metric in metrics}
    for metric in metrics:
        statement = (
            select(MetricPoint.value)
            .where(
                MetricPoint.model_id == model_id,
                MetricPoint.metric == metric,
                MetricPoint.metric_column == "",
                MetricPoint.segment == segment,
                MetricPoint.size_seconds == window.seconds,
                MetricPoint.start < window.start,
                MetricPoint.status == "ok",
            )
            .order_by(MetricPoint.start.desc())
            .limit(limit)
        )
        values[metric] = [value for value in reversed(session.scalars(statement).all()) if value is not None]
    return values


def values_at(
    session: Session, model_id: int, metric: str, seconds: int, starts: Sequence[datetime], segment: str = "all"
) -> list[tuple[datetime, float]]:
    """A metric's values in those of these windows that have one, in order."""
    statement = select(MetricPoint.start, MetricPoint.value).where(
        MetricPoint.model_id == model_id,
        MetricPoint.metric == metric,
        MetricPoint.metric_column == "",
        MetricPoint.segment == segment,
        MetricPoint.size_seconds == seconds,
        MetricPoint.start.in_(starts),
        MetricPoint.status == "ok",
    )
    rows = session.execute(statement.order_by(MetricPoint.start))
    return [(start, value) for start, value in rows if value is not None]


def sequence_values(
    session: Session,
    model_id: int,
    metric: str,
    window: Window,
    since: datetime | None,
    limit: int,
    segment: str = "all",
) -> list[tuple[datetime, float, int]]:
    """A metric's value and rows in the windows of this size before this one, from `since` on, oldest first, at most the
    newest `limit`; of a metric that only columns have, the mean over them."""
    where = [
        MetricPoint.model_id == model_id,
        MetricPoint.metric == metric,
        MetricPoint.segment == segment,
        MetricPoint.size_seconds == window.seconds,
        MetricPoint.start < window.start,
        MetricPoint.status == "ok",
        MetricPoint.value.is_not(None),
    ]
    if since is not None:
        where.append(MetricPoint.start >= since)
    for of_columns in (MetricPoint.metric_column == "", MetricPoint.metric_column != ""):
        statement = select(MetricPoint.start, func.avg(MetricPoint.value), func.max(MetricPoint.n))
        newest = statement.where(*where, of_columns).group_by(MetricPoint.start).order_by(MetricPoint.start.desc())
        found = session.execute(newest.limit(limit)).all()
        if found:
            return [(start, float(value), int(n)) for start, value, n in reversed(found)]
    return []


def last_judged(session: Session, monitor_id: int) -> datetime | None:
    """The start of the newest window that a monitor has judged, in any segment."""
    return session.scalar(select(func.max(Evaluation.window_start)).where(Evaluation.monitor_id == monitor_id))


def value_at(
    session: Session, model_id: int, metric: str, seconds: int, start: datetime, segment: str = "all"
) -> float | None:
    """A metric's value in one window; None where there is none."""
    return session.scalar(
        select(MetricPoint.value).where(
            MetricPoint.model_id == model_id,
            MetricPoint.metric == metric,
            MetricPoint.metric_column == "",
            MetricPoint.segment == segment,
            MetricPoint.size_seconds == seconds,
            MetricPoint.start == start,
            MetricPoint.status == "ok",
        )
    )
