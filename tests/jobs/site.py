"""A worker's stores with real data behind them, filled the way the flusher fills them, at whatever time a test says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from monitor.baselines import decode_bins
from monitor.config import Settings
from monitor.db import catalog, window_store
from monitor.db.catalog import VersionSeen
from monitor.db.database import Database
from monitor.db.models import (
    Base,
    Baseline,
    Evaluation,
    Incident,
    IncidentEvent,
    MetricPoint,
    Monitor,
    ProfileRow,
    WindowState,
)
from monitor.engines import get_engine
from monitor.jobs import Stores, ensure_baselines, evaluate_due_windows, onboard_models
from monitor.lake import Kind, Lake, labels_table, predictions_table
from monitor.profiles import WindowProfile, decode_profile
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import learn

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTLE, LEASE = timedelta(minutes=2), timedelta(minutes=1)
# Hour 0 of every test: a Sunday evening, so that weeks and months (it is February) end within a few hours.
START = datetime.fromisoformat("2026-02-22T20:00:00+00:00")


@dataclass
class Site:
    """One model's traffic, and the jobs that watch it. `events` remembers when each prediction was made."""

    stores: Stores
    model: str = "churn"
    written: int = 0
    events: dict[str, datetime] = field(default_factory=dict)

    def send(self, records: Sequence[PredictionRecord], now: datetime) -> None:
        """Take predictions in: register, append to the lake, count, touch their windows."""
        with self.stores.db.session() as session:
            model_id = catalog.ensure_model(session, self.model, now).id
            known = catalog.read_features(session, model_id)
            catalog.add_features(session, model_id, learn(known, [r.features for r in records]), now)
        self.append_only(records)
        moments = [record.event_time for record in records]
        with self.stores.db.session() as session:
            catalog.count_predictions(session, model_id, versions(records), now)
            window_store.touch_moments(session, model_id, moments, now)

    def label(self, labels: Sequence[LabelRecord], now: datetime) -> None:
        """Take labels in; each touches the window of its prediction, if that is known."""
        with self.stores.db.session() as session:
            model_id = catalog.ensure_model(session, self.model, now).id
        self.append(Kind.LABELS, labels_table(labels))
        moments = [self.events[label.prediction_id] for label in labels if label.prediction_id in self.events]
        with self.stores.db.session() as session:
            catalog.count_labels(session, model_id, len(labels))
            window_store.touch_moments(session, model_id, moments, now)

    def append_only(self, records: Sequence[PredictionRecord]) -> None:
        """Write predictions of known features to the lake and tell nobody."""
        with self.stores.db.reading() as session:
            features = catalog.read_features(session, catalog.find_model(session, self.model).id)
        self.append(Kind.PREDICTIONS, predictions_table(records, features))
        self.events |= {record.prediction_id: record.event_time for record in records}

    def append(self, kind: Kind, table: Any) -> None:
        self.written += 1
        self.stores.lake.append(self.model, kind, table, collector="c", through=self.written)

    def work(self, now: datetime, owner: str = "worker") -> int:
        """What a worker does from `now` until nothing is due any more; returns how many windows it evaluated."""
        self.onboard(now)
        evaluated = 0
        while (report := evaluate_due_windows(self.stores, owner, now + SETTLE)).evaluated:
            assert not report.failed
            evaluated += report.evaluated
        assert not report.failed
        return evaluated

    def onboard(self, now: datetime) -> int:
        """Baselines and monitors for whoever lacks them; returns how many monitors were added."""
        ensure_baselines(self.stores, now)
        return onboard_models(self.stores, now)

    def due(self, now: datetime) -> list[datetime]:
        """The starts of the windows that are due at `now`, in the order a worker takes them."""
        with self.stores.db.reading() as session:
            return [state.start for state in window_store.due_windows(session, now, SETTLE)]

    def read(self, table: type[Base], *order: Any) -> list[Any]:
        with self.stores.db.reading() as session:
            return list(session.scalars(select(table).order_by(*order)).all())

    def monitors(self) -> dict[str, Monitor]:
        return {monitor.name: monitor for monitor in self.read(Monitor, Monitor.id)}

    def bins(self) -> dict[int | None, WindowProfile]:
        """By baseline, what the profiles that are on its bins are read with."""
        return {baseline.id: decode_bins(baseline.payload) for baseline in self.read(Baseline)}

    def windows(self) -> dict[datetime, WindowState]:
        return {state.start: state for state in self.read(WindowState, WindowState.start)}

    def evaluations(self, monitor: str) -> list[Evaluation]:
        """A monitor's evaluations, in window order."""
        ident = self.monitors()[monitor].id
        return [e for e in self.read(Evaluation, Evaluation.window_start) if e.monitor_id == ident]

    def incidents(self) -> list[Incident]:
        return self.read(Incident, Incident.id)

    def timeline(self) -> list[IncidentEvent]:
        return self.read(IncidentEvent, IncidentEvent.id)


def open_site(db: Database, folder: Path, **monitoring: Any) -> Site:
    """A site on an empty database and lake: hourly windows, a baseline of 500 rows, unless told otherwise."""
    settings = Settings(
        data_dir=folder,
        monitoring={"window": "1h", "baseline_rows": 500} | monitoring,
        jobs={
            "settle_seconds": SETTLE.total_seconds(),
            "lease_seconds": LEASE.total_seconds(),
            "reopen_seconds": 0,
        },
    )
    return Site(Stores(db, Lake(str(folder / "lake")), get_engine(), settings))


def versions(records: Iterable[PredictionRecord]) -> list[VersionSeen]:
    moments: dict[str, list[datetime]] = {}
    for record in records:
        moments.setdefault(record.version, []).append(record.event_time)
    return [VersionSeen(name, min(times), max(times), len(times)) for name, times in moments.items()]


def results(site: Site) -> dict[str, list[dict[str, Any]]]:
    """Everything evaluations have stored, without the ids, moments and revisions that depend on how it came about."""
    names = {monitor.id: name for name, monitor in site.monitors().items()}
    bins = site.bins()
    return {
        "points": _rows(site.read(MetricPoint), MetricPoint, skip={"id"}),
        "evaluations": [
            {**row, "monitor_id": names[row["monitor_id"]]}
            for row in _rows(site.read(Evaluation), Evaluation, skip={"id", "evaluated_at", "revision"})
        ],
        "profiles": [
            {**row, "baseline_id": 0, "payload": _readable(row["payload"], bins.get(row["baseline_id"]))}
            for row in _rows(site.read(ProfileRow), ProfileRow, skip={"id"})
        ],
    }


def _readable(payload: bytes, bins: WindowProfile | None) -> Any:
    return _rounded(msgspec.to_builtins(decode_profile(payload, bins)))


def _rounded(value: Any) -> Any:
    """Means and squares depend, in their last digits, on the order in which rows were added up."""
    match value:
        case float():
            return float(f"{value:.10g}")
        case dict():
            return {key: _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case _:
            return value


def _rows(found: Sequence[Any], table: type[Base], skip: set[str]) -> list[dict[str, Any]]:
    columns = [column.name for column in table.__table__.columns if column.name not in skip]
    rows = [{name: getattr(row, name) for name in columns} for row in found]
    return sorted(rows, key=lambda row: [str(row.get(name)) for name in (*_PLACE, *columns)])


_PLACE = ("start", "window_start", "monitor_id", "metric", "metric_column")
