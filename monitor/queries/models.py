"""Everything about one model that does not change with the window looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.db.catalog import find_model, list_versions, read_features
from monitor.db.database import Database
from monitor.db.models import ModelVersion
from monitor.db.reads.profiles import list_baselines
from monitor.metrics import BY_THE_CLOCK
from monitor.queries.overview import ModelRow, read_model_row
from monitor.queries.series import main_size
from monitor.windows import window_of


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version, when it served (event times), and how much."""

    name: str
    first_event_time: datetime
    last_event_time: datetime
    predictions: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """A change of who serves: `kind` is deployed, or rolled back where an older version took over again."""

    version: str
    at: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class BaselineInfo:
    """What windows are compared with; `start` and `end` are event times, absent for a training file."""

    name: str
    origin: str
    rows: int
    start: datetime | None
    end: datetime | None
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model: its row of the overview, its versions, baselines and schema.

    `baseline_rows` is how many predictions become its baseline, None where it has one. `first_window_closes` is the
    clock's time, None once a window was evaluated.
    """

    row: ModelRow
    task: str | None
    positive_class: str | None
    created_at: datetime
    first_event_time: datetime | None
    last_received_at: datetime | None
    predictions: int
    labels: int
    window_sizes: tuple[timedelta, ...]
    metrics: tuple[str, ...]
    features: tuple[tuple[str, str], ...]
    versions: tuple[VersionInfo, ...]
    deployments: tuple[Deployment, ...]
    baselines: tuple[BaselineInfo, ...]
    baseline_rows: int | None
    first_window_closes: datetime | None

    @property
    def baseline(self) -> BaselineInfo | None:
        return next((baseline for baseline in self.baselines if baseline.active), None)


def model_summary(
    db: Database, name: str, now: datetime, baseline_rows: int | None = None, settle: timedelta = timedelta(0)
) -> ModelSummary:
    """Raises NotFound, naming the models there are, for an unknown one.

    `baseline_rows` and `settle` are the settings of these names: what a new model waits for.
    """
    with db.reading() as session:
        model = find_model(session, name)
        reading = read_model_row(session, model, now, baseline_rows)
        versions = list_versions(session, model.id)
        baselines = list_baselines(session, model.id)
        return ModelSummary(
            row=reading.row,
            task=model.task,
            positive_class=model.positive_class,
            created_at=model.created_at,
            first_event_time=model.first_event_time,
            last_received_at=model.last_received_at,
            predictions=model.predictions,
            labels=model.labels,
            window_sizes=tuple(timedelta(seconds=seconds) for seconds in reading.sizes),
            metrics=reading.metrics,
            features=tuple((f.name, f.kind.value) for f in read_features(session, model.id).values()),
            versions=tuple(VersionInfo(v.name, v.first_event_time, v.last_event_time, v.predictions) for v in versions),
            deployments=tuple(deployments(versions)),
            baselines=tuple(
                BaselineInfo(b.name, b.origin, b.rows, b.start, b.end, b.active, b.created_at) for b in baselines
            ),
            baseline_rows=None if any(b.active for b in baselines) else baseline_rows,
            first_window_closes=first_window_closes(model.first_event_time, reading.metrics, reading.sizes, settle),
        )


def first_window_closes(
    first_event: datetime | None, metrics: Sequence[str], sizes: Sequence[int], settle: timedelta
) -> datetime | None:
    """The end of the first event's window, and the wait for stragglers after it; None once a window has points."""
    if first_event is None or set(metrics) - BY_THE_CLOCK:
        return None
    return window_of(first_event, timedelta(seconds=main_size(sizes))).end + settle


def deployments(versions: Sequence[ModelVersion]) -> list[Deployment]:
    """When each version began to serve, and when an older one took over again, in time order.

    Only the first and last time of each version are known, so a take-over is where a version ends while one that is
    older than it goes on. A version seen at one moment only, such as a test call, was never deployed.
    """
    versions = [v for v in versions if v.first_event_time < v.last_event_time or len(versions) == 1]
    found = [Deployment(v.name, v.first_event_time, "deployed") for v in versions]
    for ended in versions:
        older = [
            v
            for v in versions
            if v.first_event_time < ended.first_event_time and v.last_event_time > ended.last_event_time
        ]
        replaced = any(
            ended.first_event_time < v.first_event_time <= ended.last_event_time < v.last_event_time for v in versions
        )
        if older and not replaced:
            back = max(older, key=lambda v: v.first_event_time)
            found.append(Deployment(back.name, ended.last_event_time, "rolled back"))
    return sorted(found, key=lambda deployment: deployment.at)
