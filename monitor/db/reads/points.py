"""Metric points, with the bounds and verdicts that evaluations gave them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, Subquery, and_, case, func, select
from sqlalchemy.orm import Session

from monitor.db.models import Evaluation, MetricPoint, Monitor


class PointRow(NamedTuple):
    """One point, or the mean of `merged` neighbouring ones; `low`, `high` and `breach` are the monitor's."""

    metric: str
    column: str
    start: datetime
    value: float | None
    low: float | None
    high: float | None
    n: int
    status: str
    reason: str
    breach: int | None
    verdict_reason: str | None
    merged: int


def metric_names(session: Session, model_id: int) -> list[str]:
    """Every metric the model has whole-model points of, in alphabetical order."""
    statement = select(MetricPoint.metric).where(MetricPoint.model_id == model_id, MetricPoint.metric_column == "")
    return sorted(session.scalars(statement.distinct()))


def window_sizes_by_use(session: Session, model_id: int) -> list[int]:
    """Window sizes in seconds that the model's monitors or points have, the most used first."""
    used = func.count().label("used")
    for column, table in ((Monitor.window_seconds, Monitor), (MetricPoint.size_seconds, MetricPoint)):
        rows = session.execute(select(column, used).where(table.model_id == model_id).group_by(column))
        sizes = sorted(rows.all(), key=lambda row: (-row[1], row[0]))
        if sizes:
            return [int(row[0]) for row in sizes]
    return []


def count_windows(
    session: Session,
    model_id: int,
    metrics: Sequence[str],
    size: int,
    column: str,
    segment: str,
    start: datetime | None,
    end: datetime | None,
) -> int:
    """The most points that any one of the metrics has in [start, end)."""
    points = _points(model_id, metrics, size, column, segment, start, end)
    counts = session.scalars(points.with_only_columns(func.count()).group_by(MetricPoint.metric)).all()
    return max(counts, default=0)


def read_points(
    session: Session,
    model_id: int,
    metrics: Sequence[str],
    size: int,
    *,
    column: str = "",
    segment: str = "all",
    start: datetime | None = None,
    end: datetime | None = None,
    stride: int = 1,
) -> list[PointRow]:
    """Points of [start, end) in time order; with a `stride` above 1 each row is the mean of that many windows."""
    points = _points(model_id, metrics, size, column, segment, start, end)
    bounds = _bounds(model_id, size, segment)
    position = func.row_number().over(partition_by=MetricPoint.metric, order_by=MetricPoint.start) - 1
    joined = (
        points.outerjoin(
            bounds, and_(bounds.c.metric == MetricPoint.metric, bounds.c.window_start == MetricPoint.start)
        )
        .add_columns(bounds.c.lower, bounds.c.upper, bounds.c.breach, bounds.c.verdict_reason)
        .add_columns((position // stride).label("bucket"))
    )
    if stride == 1:
        rows = session.execute(joined.order_by(MetricPoint.start, MetricPoint.metric))
        return [
            PointRow(r.metric, column, r.start, r.value, r.lower, r.upper, r.n, r.status, r.reason, r.breach,
                     r.verdict_reason, 1)
            for r in rows
        ]  # fmt: skip
    return _merged(session, joined.subquery(), column)


def _merged(session: Session, points: Subquery, column: str) -> list[PointRow]:
    c = points.c
    ok = func.max(case((c.status == "ok", 1), else_=0)).label("ok")
    rows = session.execute(
        select(
            c.metric,
            func.min(c.start).label("start"),
            func.avg(c.value).label("value"),
            func.avg(c.lower).label("lower"),
            func.avg(c.upper).label("upper"),
            func.sum(c.n).label("n"),
            func.max(c.status).label("status"),
            func.max(c.reason).label("reason"),
            func.max(c.breach).label("breach"),
            func.max(c.verdict_reason).label("verdict_reason"),
            func.count().label("merged"),
            ok,
        )
        .group_by(c.metric, c.bucket)
        .order_by(func.min(c.start), c.metric)
    )
    return [
        PointRow(r.metric, column, r.start, r.value, r.lower, r.upper, int(r.n), "ok" if r.ok else r.status,
                 "" if r.ok else r.reason, r.breach, r.verdict_reason, r.merged)
        for r in rows
    ]  # fmt: skip


def last_points(
    session: Session, model_id: int, metric: str, size: int, limit: int, *, column: str = "", segment: str = "all"
) -> list[PointRow]:
    """The newest `limit` points of one metric, oldest first, with bounds."""
    newest = _points(model_id, [metric], size, column, segment, None, None).with_only_columns(MetricPoint.start)
    starts = session.scalars(newest.order_by(MetricPoint.start.desc()).limit(limit)).all()
    if not starts:
        return []
    return read_points(session, model_id, [metric], size, column=column, segment=segment, start=starts[-1])


def column_scores(
    session: Session, model_id: int, metric: str, size: int, start: datetime, end: datetime, segment: str = "all"
) -> list[MetricPoint]:
    """The points of one per-feature metric in [start, end), all features, in time order."""
    statement = select(MetricPoint).where(
        MetricPoint.model_id == model_id,
        MetricPoint.metric == metric,
        MetricPoint.metric_column != "",
        MetricPoint.size_seconds == size,
        MetricPoint.segment == segment,
        MetricPoint.start >= start,
        MetricPoint.start < end,
    )
    return list(session.scalars(statement.order_by(MetricPoint.start)))


def column_starts(
    session: Session, model_id: int, metric: str, size: int, limit: int, end: datetime | None = None
) -> list[datetime]:
    """Starts before `end` of the newest windows that have points of a per-feature metric, oldest first."""
    statement = (
        select(MetricPoint.start)
        .where(
            MetricPoint.model_id == model_id,
            MetricPoint.metric == metric,
            MetricPoint.metric_column != "",
            MetricPoint.size_seconds == size,
            MetricPoint.segment == "all",
        )
        .distinct()
        .order_by(MetricPoint.start.desc())
        .limit(limit)
    )
    if end is not None:
        statement = statement.where(MetricPoint.start < end)
    return list(session.scalars(statement))[::-1]


def _points(
    model_id: int,
    metrics: Sequence[str],
    size: int,
    column: str,
    segment: str,
    start: datetime | None,
    end: datetime | None,
) -> Select[str, datetime, float | None, int, str, str]:
    statement = select(
        MetricPoint.metric, MetricPoint.start, MetricPoint.value, MetricPoint.n, MetricPoint.status, MetricPoint.reason
    ).where(
        MetricPoint.model_id == model_id,
        MetricPoint.metric.in_(metrics),
        MetricPoint.metric_column == column,
        MetricPoint.segment == segment,
        MetricPoint.size_seconds == size,
    )
    if start is not None:
        statement = statement.where(MetricPoint.start >= start)
    if end is not None:
        statement = statement.where(MetricPoint.start < end)
    return statement


def _bounds(model_id: int, size: int, segment: str) -> Subquery:
    """The tightest bounds and the worst verdict per metric and window, over all monitors of that metric."""
    breach = case((Evaluation.verdict == "breach", 1), else_=0)
    return (
        select(
            Monitor.metric,
            Evaluation.window_start,
            func.max(Evaluation.low).label("lower"),
            func.min(Evaluation.high).label("upper"),
            func.max(breach).label("breach"),
            func.max(Evaluation.reason).label("verdict_reason"),
        )
        .join(Monitor, Monitor.id == Evaluation.monitor_id)
        .where(Monitor.model_id == model_id, Monitor.window_seconds == size, Evaluation.segment == segment)
        .group_by(Monitor.metric, Evaluation.window_start)
        .subquery()
    )
