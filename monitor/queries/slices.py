"""What one number for the whole model hides: its segments, features, groups and objectives, in the newest window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.db.catalog import find_model
from monitor.db.database import Database
from monitor.db.models import MetricPoint
from monitor.db.reads.evaluations import read_evaluations
from monitor.db.reads.points import window_sizes_by_use
from monitor.db.reads.slices import newest_by_column, newest_by_segment
from monitor.queries.series import SeriesPoint, main_size

MOST_VERDICTS = 5000


@dataclass(frozen=True, slots=True)
class Slice:
    """One segment, feature, group or objective: its points by metric, and the most rows behind any of them.

    `breaches` are the metrics that monitors found in breach there, whether or not a point of them was asked for;
    `judged` tells whether any monitor decided.
    """

    name: str
    n: int
    points: dict[str, SeriesPoint]
    breaches: tuple[str, ...] = ()
    judged: bool = False


@dataclass(frozen=True, slots=True)
class SliceTable:
    """The slices of one window; `window` is None where no window has any."""

    window: datetime | None
    size: timedelta
    rows: tuple[Slice, ...]


def segment_slices(db: Database, model: str, metrics: Sequence[str], end: datetime | None = None) -> SliceTable:
    """The metrics of every segment, those in breach first, then the largest; from windows that start before `end`.

    The window is the newest in which the first metric has a value, so that it need not be the one whose labels are
    still to come.
    """
    with db.reading() as session:
        found = find_model(session, model)
        seconds = main_size(window_sizes_by_use(session, found.id))
        points = newest_by_segment(session, found.id, metrics, seconds, end)
        if not points:
            return SliceTable(None, timedelta(seconds=seconds), ())
        at = points[0].start
        judged = read_evaluations(
            session, found.id, size=seconds, start=at, end=at + timedelta(seconds=1), limit=MOST_VERDICTS
        )
    breaches: dict[str, dict[str, bool]] = {}
    for monitor, row in judged:
        if row.verdict in ("ok", "breach"):
            of = breaches.setdefault(row.segment, {})
            of[monitor.metric] = of.get(monitor.metric, False) or row.verdict == "breach"
    return _table(at, seconds, _by_name(points, "segment"), breaches)


def column_slices(
    db: Database,
    model: str,
    metrics: Sequence[str],
    end: datetime | None = None,
    segment: str = "all",
) -> SliceTable:
    """The metrics of every feature (`missing_rate` …), group (`selection_rate` …) or objective (`slo_burn` …), the
    largest first, in the newest window that starts before `end`.

    Those of objectives are in the segment `slo`, whose windows have a size of their own.
    """
    with db.reading() as session:
        found = find_model(session, model)
        wanted = main_size(window_sizes_by_use(session, found.id)) if segment == "all" else None
        points = newest_by_column(session, found.id, metrics, wanted, segment, end)
    at, seconds = (points[0].start, points[0].size_seconds) if points else (None, wanted or 0)
    return _table(at, seconds, _by_name(points, "metric_column"), {})


def _by_name(points: Sequence[MetricPoint], attribute: str) -> dict[str, dict[str, SeriesPoint]]:
    found: dict[str, dict[str, SeriesPoint]] = {}
    for point in points:
        found.setdefault(getattr(point, attribute), {})[point.metric] = SeriesPoint(
            point.metric, point.metric_column, point.start, timedelta(seconds=point.size_seconds), point.value, None,
            None, point.n, point.status, point.reason, None,
        )  # fmt: skip
    return found


def _table(
    at: datetime | None,
    seconds: int,
    slices: Mapping[str, dict[str, SeriesPoint]],
    judged: Mapping[str, Mapping[str, bool]],
) -> SliceTable:
    rows = []
    for name, points in slices.items():
        verdicts = judged.get(name, {})
        breaches = tuple(sorted(metric for metric, broken in verdicts.items() if broken))
        rows.append(Slice(name, max(point.n for point in points.values()), points, breaches, bool(verdicts)))
    ranked = sorted(rows, key=lambda row: (-len(row.breaches), -row.n, row.name))
    return SliceTable(at, timedelta(seconds=seconds), tuple(ranked))
