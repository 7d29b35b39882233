"""Points of parts of a model, such as its segments, in the newest window that has some."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from monitor.db.models import MetricPoint


def newest_by_segment(
    session: Session, model_id: int, metrics: Sequence[str], size: int, end: datetime | None = None
) -> Sequence[MetricPoint]:
    """The metrics of every segment but the whole, in the newest window before `end` that has the first of them.

    Where no window has a value of the first one, it is the newest that has any.
    """
    of = (*_of(model_id, metrics, end), MetricPoint.size_seconds == size, MetricPoint.metric_column == "")
    of = (*of, MetricPoint.segment.contains("="))
    return _newest(session, of, MetricPoint.metric == metrics[0]) or _newest(session, of)


def newest_by_column(
    session: Session,
    model_id: int,
    metrics: Sequence[str],
    size: int | None,
    segment: str = "all",
    end: datetime | None = None,
) -> Sequence[MetricPoint]:
    """The metrics of every feature, group or objective, in the newest window before `end` that has some.

    Without a `size`, all points of the segment must be of windows of one size.
    """
    of = (*_of(model_id, metrics, end), MetricPoint.metric_column != "", MetricPoint.segment == segment)
    return _newest(session, of if size is None else (*of, MetricPoint.size_seconds == size))


def _of(model_id: int, metrics: Sequence[str], end: datetime | None) -> tuple[ColumnElement[bool], ...]:
    of = (MetricPoint.model_id == model_id, MetricPoint.metric.in_(metrics))
    return of if end is None else (*of, MetricPoint.start < end)


def _newest(
    session: Session, of: tuple[ColumnElement[bool], ...], *valued: ColumnElement[bool]
) -> Sequence[MetricPoint]:
    if session.scalar(select(MetricPoint.start).where(*of).limit(1)) is None:
        return ()  # max() would walk every window of the model to find that out
    newest = select(func.max(MetricPoint.start)).where(*of, *valued)
    if valued:
        newest = newest.where(MetricPoint.value.is_not(None))
    start = session.scalar(newest)
    if start is None:
        return ()
    return session.scalars(select(MetricPoint).where(*of, MetricPoint.start == start)).all()
