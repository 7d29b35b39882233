"""One or more metrics over time, with what was expected of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.db.catalog import find_model
from monitor.db.database import Database
from monitor.db.reads.points import PointRow, count_windows, read_points, window_sizes_by_use
from monitor.errors import InvalidValue
from monitor.queries.feature_verdicts import read_feature_verdicts

MOST_POINTS = 2000


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """A metric in one window; `low` and `high` bound what was expected (either may be absent).

    `status` is ok, insufficient or undefined, `reason` why (or the verdict's words). `breach` is None where nothing
    was judged. Where a chart would have had too many points, one stands for the mean of `merged` windows and `size`
    covers them all.
    """

    metric: str
    column: str
    start: datetime
    size: timedelta
    value: float | None
    low: float | None
    high: float | None
    n: int
    status: str
    reason: str
    breach: bool | None
    merged: int = 1


def series(
    db: Database,
    model: str,
    metrics: Sequence[str],
    start: datetime | None = None,
    end: datetime | None = None,
    size: timedelta | None = None,
    column: str | None = None,
    segment: str = "all",
    limit: int = MOST_POINTS,
) -> list[SeriesPoint]:
    """Points of the metrics in [start, end), in time order: at most `limit` for each metric.

    `size` is the window's; None means the one the model is mostly watched at. With `column` the points are that
    feature's, and their bounds those the monitor of all features gave it.
    """
    if limit < 1:
        raise InvalidValue(f"limit {limit} is not usable; accepted: 1 or more")
    with db.reading() as session:
        found = find_model(session, model)
        seconds = int(size.total_seconds()) if size else main_size(window_sizes_by_use(session, found.id))
        feature = column or ""
        windows = count_windows(session, found.id, metrics, seconds, feature, segment, start, end)
        stride = -(-windows // limit) or 1
        rows = read_points(
            session, found.id, metrics, seconds, column=feature, segment=segment, start=start, end=end, stride=stride
        )
        judged: dict[tuple[str, datetime], dict[str, Any]] = {}
        if column and stride == 1:
            for metric in metrics:
                for window in read_feature_verdicts(session, found.id, metric, seconds, segment, limit, start, end):
                    if column in window.features:
                        judged[metric, window.start] = window.features[column]
    points = [to_point(row, seconds) for row in rows]
    return [with_verdict(point, judged.get((point.metric, point.start))) for point in points] if column else points


def main_size(sizes: Sequence[int]) -> int:
    """The window size in seconds that a model is shown at: the most used span of time, an hour when there is none yet.

    >>> main_size([-5000, 86400]), main_size([])
    (86400, 3600)
    """
    return next((size for size in sizes if size > 0), 3600)


def to_point(row: PointRow, size: int) -> SeriesPoint:
    return SeriesPoint(
        row.metric,
        row.column,
        row.start,
        timedelta(seconds=size * row.merged),
        row.value,
        row.low,
        row.high,
        row.n,
        row.status,
        row.reason or row.verdict_reason or "",
        None if row.breach is None else bool(row.breach),
        row.merged,
    )


def with_verdict(point: SeriesPoint, verdict: dict[str, Any] | None) -> SeriesPoint:
    """The point of one feature beside the limit and the words of its verdict."""
    if verdict is None:
        return SeriesPoint(point.metric, point.column, point.start, point.size, point.value, None, None, point.n,
                           point.status, point.reason, None, point.merged)  # fmt: skip
    return SeriesPoint(
        point.metric,
        point.column,
        point.start,
        point.size,
        point.value,
        None,
        verdict.get("limit"),
        point.n,
        point.status,
        point.reason or str(verdict.get("why") or ""),
        bool(verdict.get("breach")),
        point.merged,
    )
