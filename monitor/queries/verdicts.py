"""What a monitor said of each window, as points: also of metrics that have none, such as `data_quality`."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.db.catalog import find_model
from monitor.db.database import Database
from monitor.db.models import Evaluation, Monitor
from monitor.db.reads.evaluations import read_evaluations
from monitor.queries.series import SeriesPoint
from monitor.windows import span_of

MOST_VERDICTS = 2000


def verdict_series(
    db: Database,
    model: str,
    monitor: str,
    start: datetime | None = None,
    end: datetime | None = None,
    segment: str = "all",
) -> list[SeriesPoint]:
    """The monitor's verdicts on the newest 2,000 windows that start in [start, end), in time order.

    Each has the value that was judged and the bounds it was judged by, which are this monitor's own. A window that was
    not decided has no value.
    """
    with db.reading() as session:
        found = find_model(session, model)
        rows = read_evaluations(
            session, found.id, monitor=monitor, segment=segment, start=start, end=end, limit=MOST_VERDICTS
        )
    return [_point(*row) for row in reversed(rows)]


def _point(monitor: Monitor, row: Evaluation) -> SeriesPoint:
    decided = row.verdict in ("ok", "breach")
    return SeriesPoint(
        metric=monitor.metric,
        column="",
        start=row.window_start,
        size=span_of(row.evidence, timedelta(seconds=monitor.window_seconds)),
        value=row.value if decided else None,
        low=row.low,
        high=row.high,
        n=row.n,
        status="ok" if decided else row.verdict,
        reason=row.reason,
        breach=row.verdict == "breach" if decided else None,
    )
