"""A control database as sixty days of a demo leave it: what page tests and screenshots are taken of.

`flight-delay` has the whole story: a faulty version 2 that is rolled back after three days, then a slow drift of the
temperature that ends in a retrained version 3. The other models show one state each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from monitor.baselines import BaselineProfile, encode_baseline
from monitor.db.database import Database
from monitor.db.models import Baseline, FeatureColumn, Model, Monitor, ProfileRow
from monitor.profiles import encode_profile
from monitor.schemas import column_name
from tests.dashboards import seeded_columns as columns
from tests.dashboards.seeded_columns import BASELINE_ROWS, FEATURES, NUMERIC, ROWS
from tests.dashboards.seeded_rows import Writer

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAYS, HOURS = 60, 96
VERSIONS = {"1": (0.0, 54.0), "2": (32.42, 35.33), "3": (54.0, 60.0)}
MONITORS = {
    "auc": ("auc", "critical"),
    "feature_drift": ("drift", "warning"),
    "error_rate": ("error_rate", "critical"),
    "latency_p95": ("latency_p95", "warning"),
}


@dataclass(frozen=True)
class Day:
    """What one window was like."""

    index: int
    start: datetime
    auc: float
    warmth: float

    @property
    def faulty(self) -> bool:
        return self.auc < 0.6


def seed_file(path: Path, now: datetime) -> Database:
    """A new SQLite file with a control database as of `now`."""
    database = Database(f"sqlite:///{path}")
    database.upgrade()
    seed(database, now)
    return database


def seed(db: Database, now: datetime) -> None:
    """Fill an empty control database as of `now`."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with db.session() as session:
        seed_flights(session, midnight - DAYS * DAY, now)
        seed_hourly(session, "churn", "auc", 0.79, now, fall=0.11)
        seed_hourly(session, "fraud-score", "auc", 0.93, now)
        seed_hourly(session, "house-price", "mae", 18.4, now)
        session.add(Model(name="recommender", created_at=now - timedelta(minutes=10), predictions=0, labels=0))


def seed_flights(session: Session, first: datetime, now: datetime) -> None:
    random = np.random.default_rng(7)
    writer = Writer.of(session, "flight-delay", "binary", DAY, first, now, DAYS * ROWS)
    model_id = writer.model.id
    for name, (start, end) in VERSIONS.items():
        writer.version(name, first + start * DAY, first + end * DAY - timedelta(minutes=5), int((end - start) * ROWS))
    for name in FEATURES:
        kind = "numeric" if name in NUMERIC else "categorical"
        lake_column = column_name(name)
        session.add(FeatureColumn(model_id=model_id, name=name, kind=kind, lake_column=lake_column, created_at=first))
    days = [_day(random, first, index) for index in range(DAYS)]
    bins, whole = columns.baseline(random)
    baseline = Baseline(model_id=model_id, name="first two weeks", origin="production window", rows=BASELINE_ROWS)
    baseline.start, baseline.end, baseline.created_at, baseline.active = first, first + 14 * DAY, first + 14 * DAY, True
    baseline.payload = encode_baseline(BaselineProfile(bins, None, whole))
    session.add(baseline)
    session.flush()
    monitors = {name: writer.monitor(name, metric, severity) for name, (metric, severity) in MONITORS.items()}
    for day in days:
        profile = columns.window(random, bins, day.warmth)
        row = ProfileRow(model_id=model_id, segment="all", size_seconds=86400, start=day.start, baseline_id=baseline.id)
        row.payload = encode_profile(profile, whole)
        session.add(row)
        _service(writer, random, monitors, day)
        _performance(writer, monitors["auc"], day)
        _drift(writer, monitors["feature_drift"], day, columns.verdicts(whole, profile))
    _faulty_version(writer, monitors["auc"], first)
    _slow_drift(writer, monitors["feature_drift"], first)


def _day(random: np.random.Generator, first: datetime, index: int) -> Day:
    warmth = max(0.0, (index - 38) / 10)
    usual = 0.73 - (0.025 * warmth if index < 54 else 0.0)
    auc = 0.52 if 32 <= index < 35 else usual
    return Day(index, first + index * DAY, auc + random.normal(0, 0.012), warmth)


def _service(writer: Writer, random: np.random.Generator, monitors: dict[str, Monitor], day: Day) -> None:
    weekend = day.start.weekday() >= 5
    predictions = int(ROWS * (0.8 if weekend else 1.05) + random.normal(0, 25))
    latency = float(random.normal(41, 2.5)) * (1.35 if day.faulty else 1)
    errors = 0.031 if day.faulty else abs(float(random.normal(0.004, 0.0015)))
    values = {
        "predictions": float(predictions),
        "throughput": predictions / 86400,
        "latency_p50": latency * 0.45,
        "latency_p95": latency,
        "latency_p99": latency * 1.8,
        "error_rate": errors,
        "label_coverage": 0.95 if day.index < 58 else 0.62,
    }
    for metric, value in values.items():
        writer.point(metric, day.start, value, predictions)
    writer.judge(monitors["latency_p95"], day.start, latency, predictions, high=60.0)
    writer.judge(monitors["error_rate"], day.start, errors, predictions, high=0.02)


def _performance(writer: Writer, monitor: Monitor, day: Day) -> None:
    if day.index == 20:  # a day that labels never came for: shown as "not enough data", never as a fault
        writer.point("auc", day.start, None, 12, reason="12 labelled rows, at least 50 needed")
        writer.judge(monitor, day.start, None, 12)
        return
    n = 850 if day.index < 58 else 540
    writer.point("auc", day.start, day.auc, n)
    writer.point("accuracy", day.start, day.auc + 0.11, n)
    writer.judge(monitor, day.start, day.auc, n, low=0.66)


def _drift(writer: Writer, monitor: Monitor, day: Day, verdicts: list[dict[str, object]]) -> None:
    for verdict in verdicts:
        writer.point("drift", day.start, float(str(verdict["value"])), ROWS, column=str(verdict["name"]))
    flagged = [verdict for verdict in verdicts if verdict["breach"]]
    summary = f"{len(flagged)} of {len(verdicts)} features drifted"
    evidence = {"summary": summary, "columns": flagged, "all_columns": verdicts}
    writer.judge(monitor, day.start, float(len(flagged)), ROWS, breach=bool(flagged), evidence=evidence)


def _faulty_version(writer: Writer, monitor: Monitor, first: datetime) -> None:
    since, until = first + 32 * DAY, first + 36 * DAY
    opened, resolved = since + 2 * DAY + timedelta(minutes=3), until + DAY
    summary = "AUC 0.51, expected at least 0.66"
    served = {"name": "2", "share": 0.97, "first_event_time": (since + 10 * HOUR).isoformat()}
    evidence = {"summary": summary, "value": 0.51, "low": 0.66, "n": 912, "baseline": "first two weeks"}
    evidence |= {"windows_in_breach": 2, "versions": [served]}
    evidence["explanation"] = {
        "sentence": "AUC went from 0.72 to 0.51. `temp` looks multiplied by 1.8 and raised by 32: a unit change?",
        "columns": [{"name": "temp", "drift": 0.6, "importance": 0.71, "why": "moved up: median 38 → 100"}],
    }
    incident = writer.incident(monitor, "AUC below baseline", since, opened, evidence)
    incident.state, incident.until, incident.resolved_at = "resolved", until, resolved
    opening = writer.event(incident, opened, "opened", f"{summary}; version 2 took over at 10:05 UTC")
    writer.event(incident, opened + timedelta(minutes=9), "acknowledged", "Looking into version 2", "mira")
    closing = writer.event(incident, resolved, "resolved", "AUC 0.73 for two windows in a row; lasted 4 d")
    writer.message(opening, "on-call-slack", "sent", "first notification")
    writer.message(opening, "pager", "suppressed", "silenced by jo until 09:00 UTC: planned rollout")
    writer.message(closing, "on-call-slack", "sent", "resolved")
    guard = "cooldown: the last run for flight-delay was 20 min ago, at least 60 min must pass"
    writer.run(incident, "roll-back-to-last-good", "rollback", "blocked", opened, guard)
    done = "version 1 serves again"
    writer.run(incident, "roll-back-to-last-good", "rollback", "done", opened + HOUR, done, verified=resolved)


def _slow_drift(writer: Writer, monitor: Monitor, first: datetime) -> None:
    since = first + 41 * DAY
    opened = since + 2 * DAY + timedelta(minutes=3)
    temp = {"name": "temp", "value": 0.41, "limit": 0.2, "p_value": 1e-9, "why": "moved up: median 38 → 56"}
    dewp = {"name": "dewp", "value": 0.27, "limit": 0.2, "p_value": 1e-6, "why": "moved up: median 26 → 36"}
    served = {"name": "1", "share": 1.0, "first_event_time": first.isoformat()}
    evidence = {"summary": "2 of 15 features drifted: temp, dewp", "value": 2.0, "n": ROWS}
    evidence |= {"baseline": "first two weeks", "windows_in_breach": 2, "columns": [temp, dewp], "versions": [served]}
    incident = writer.incident(monitor, "2 features drifted", since, opened, evidence)
    noticed = opened + 3 * HOUR
    incident.state, incident.acknowledged_at, incident.acknowledged_by = "acknowledged", noticed, "mira"
    opening = writer.event(incident, opened, "opened", "2 of 15 features drifted: temp (0.41, limit 0.20), dewp")
    writer.event(incident, noticed, "acknowledged", "Expected in spring; retrain on newer data", "mira")
    writer.event(incident, first + 54 * DAY, "note", "version 3, trained on the last 30 days, was deployed")
    writer.message(opening, "on-call-slack", "sent", "first notification")
    writer.message(opening, "team-webhook", "failed", "first notification", 5, "503 Service Unavailable")
    writer.message(opening, "pager", "pending", "first notification", 2, "timed out after 20 s")
    finished = "training job finished: version 3"
    writer.run(incident, "retrain-nightly", "retrain", "done", opened + timedelta(minutes=1), finished)


def seed_hourly(session: Session, name: str, metric: str, usual: float, now: datetime, fall: float = 0.0) -> None:
    """A model in hourly windows; with a `fall`, the last six hours are a version 7 and a critical incident."""
    random = np.random.default_rng(len(name))
    last = now.replace(minute=0, second=0, microsecond=0)
    first, change = last - HOURS * HOUR, last - 6 * HOUR
    writer = Writer.of(session, name, "regression" if metric == "mae" else "binary", HOUR, first, now, HOURS * 5200)
    writer.version("6", first, change if fall else last, 5200 * (HOURS - 6 if fall else HOURS))
    monitor = writer.monitor(metric, metric, "critical")
    writer.baseline(5000)
    bounds = {"high": usual * 1.15} if metric == "mae" else {"low": usual - 0.03}
    for hour in range(HOURS):
        start = first + hour * HOUR
        n = int(5200 + 1500 * math.sin(hour / 24 * math.tau) + random.normal(0, 120))
        value = usual * (1 + float(random.normal(0, 0.008))) - (fall if start >= change else 0.0)
        values = {metric: value, "predictions": float(n), "throughput": n / 3600, "label_coverage": 0.91}
        values |= {"latency_p50": 9.0, "latency_p95": 22 + float(random.normal(0, 1)), "latency_p99": 48.0}
        for point, number in (values | {"error_rate": 0.001}).items():
            writer.point(point, start, number, n)
        writer.judge(monitor, start, value, n, **bounds)
    if fall:
        writer.version("7", change, last, 6 * 5200)
        low = bounds["low"]
        summary = f"AUC {usual - fall:.2f}, expected at least {low:.2f}"
        served = {"name": "7", "share": 1.0, "first_event_time": change.isoformat()}
        evidence = {"summary": summary, "value": usual - fall, "low": low, "n": 5100, "versions": [served]}
        evidence |= {"windows_in_breach": 6, "baseline": "training 2026-01"}
        incident = writer.incident(monitor, "AUC below baseline", change, change + 2 * HOUR, evidence)
        opening = writer.event(incident, incident.opened_at, "opened", summary)
        writer.message(opening, "on-call-slack", "sent", "first notification")
