"""One row per model, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.db.baseline_store import has_baseline
from monitor.db.catalog import list_models, list_versions
from monitor.db.database import Database
from monitor.db.models import Model
from monitor.db.reads import Session
from monitor.db.reads.evaluations import has_verdict, latest_evaluations, list_monitors
from monitor.db.reads.incidents import list_incidents
from monitor.db.reads.points import last_points, metric_names, window_sizes_by_use
from monitor.metrics import BY_THE_CLOCK, MAIN
from monitor.queries.feature_verdicts import read_feature_verdicts
from monitor.queries.series import SeriesPoint, main_size, to_point
from monitor.queries.states import Progress, State, headline, model_state

SPARKLINE_POINTS = 30
COVERAGE_POINTS = 7
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """How one model is doing.

    `main` is the latest point of the metric that sums it up (None without labels), `sparkline` that metric's latest
    values, oldest first. `drifted` of `features` were flagged in the last window judged; both are None before one was.
    `predictions_per_day` is None until the windows span a day. `label_coverage` is the mean of the last seven windows.
    `last_event_time` is event time, `last_received_at` the clock's.
    """

    name: str
    state: State
    headline: str
    main: SeriesPoint | None
    sparkline: tuple[float | None, ...]
    drifted: int | None
    features: int | None
    predictions_per_day: float | None
    label_coverage: float | None
    last_event_time: datetime | None
    last_received_at: datetime | None
    version: str | None
    window: timedelta
    open_incidents: int

    @property
    def drifted_share(self) -> float | None:
        return self.drifted / self.features if self.drifted is not None and self.features else None


@dataclass(frozen=True, slots=True)
class ModelReading:
    """A row, and what was read on the way to it."""

    row: ModelRow
    sizes: tuple[int, ...]
    metrics: tuple[str, ...]


def overview(db: Database, now: datetime, baseline_rows: int | None = None) -> list[ModelRow]:
    """Every model, the worst first: open critical, open warning, no data, too little, learning, ok; then by name.

    `baseline_rows` is the setting of that name, for the words of a model that has no baseline yet.
    """
    with db.reading() as session:
        rows = [read_model_row(session, model, now, baseline_rows).row for model in list_models(session)]
    return sorted(rows, key=lambda row: (row.state.rank, row.name))


def read_model_row(session: Session, model: Model, now: datetime, baseline_rows: int | None = None) -> ModelReading:
    sizes = window_sizes_by_use(session, model.id)
    size = main_size(sizes)
    metrics = metric_names(session, model.id)
    main_metric = next((metric for metric in MAIN if metric in metrics), None)
    history = _history(session, model.id, main_metric, size) if main_metric else []
    main = next((point for point in reversed(history) if point.value is not None), None)
    open_incidents = [row[0] for row in list_incidents(session, model.id, ("open", "acknowledged"))]
    progress = _progress(session, model.id, metrics, baseline_rows)
    drifted, features = _drifted(session, model.id, size)
    coverage = _values(_history(session, model.id, "label_coverage", size, COVERAGE_POINTS))
    current = max(list_versions(session, model.id), key=lambda v: v.last_event_time, default=None)
    row = ModelRow(
        name=model.name,
        state=model_state(model, open_incidents, progress, size, now),
        headline=headline(model, open_incidents, main, progress, size, now),
        main=main,
        sparkline=tuple(point.value for point in history),
        drifted=drifted,
        features=features,
        predictions_per_day=_per_day(session, model, size),
        label_coverage=sum(coverage) / len(coverage) if coverage else None,
        last_event_time=model.watermark,
        last_received_at=model.last_received_at,
        version=current.name if current else None,
        window=timedelta(seconds=size),
        open_incidents=len(open_incidents),
    )
    return ModelReading(row, tuple(sizes), tuple(metrics))


def _history(
    session: Session, model_id: int, metric: str, size: int, limit: int = SPARKLINE_POINTS
) -> list[SeriesPoint]:
    return [to_point(row, size) for row in last_points(session, model_id, metric, size, limit)]


def _values(points: Sequence[SeriesPoint]) -> list[float]:
    return [point.value for point in points if point.value is not None]


def _progress(session: Session, model_id: int, metrics: Sequence[str], baseline_rows: int | None) -> Progress:
    """Silence doesn't count: that a model talks doesn't say that it is well."""
    latest = latest_evaluations(session, model_id)
    judged = [latest[m.id] for m in list_monitors(session, model_id) if m.id in latest and m.metric not in BY_THE_CLOCK]
    is_judged = any(evaluation.verdict in ("ok", "breach") for evaluation in judged)
    return Progress(
        has_baseline=has_baseline(session, model_id),
        has_windows=bool(set(metrics) - BY_THE_CLOCK),
        judged=is_judged,
        was_judged=is_judged or has_verdict(session, model_id),
        baseline_rows=baseline_rows,
    )


def _drifted(session: Session, model_id: int, size: int) -> tuple[int | None, int | None]:
    """How many features the last judged window flagged, of how many."""
    for window in read_feature_verdicts(session, model_id, "drift", size, "all", 10):
        if window.verdict in ("ok", "breach"):
            return window.flagged, len(window.features)
    return None, None


def _per_day(session: Session, model: Model, size: int) -> float | None:
    """Predictions per day over the last seven days of data, or over all of it; None where that spans less than one."""
    windows = max(1, round(timedelta(days=7) / timedelta(seconds=size)))
    points = _history(session, model.id, "predictions", size, windows)
    counts = _values(points)
    if not counts:
        return None
    span = points[-1].start - points[0].start + timedelta(seconds=size)
    return sum(counts) / (span / DAY) if span >= DAY else None
