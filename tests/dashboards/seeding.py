"""A control database as sixty days of a demo leave it: what page tests and screenshots are taken of.

`flight-delay` has the whole story: a faulty version 2 that is rolled back after three days, then a slow drift of the
temperature that ends in a retrained version 3. The other models show one state each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from monitor.baselines import (
    BaselineProfile,
    Bins,
    CategoryBins,
    NumericBins,
    category_bins,
    encode_baseline,
    numeric_bins,
)
from monitor.db.database import Database
from monitor.db.models import (
    Baseline,
    Evaluation,
    FeatureColumn,
    Incident,
    IncidentEvent,
    MetricPoint,
    Model,
    ModelVersion,
    Monitor,
    Notification,
    ProfileRow,
    ResponseRun,
)
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile, WindowProfile, encode_profile
from monitor.schemas import column_name

DAY = timedelta(days=1)
DAYS = 60
ROWS = 900
NUMERIC = (
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "pressure",
    "visib",
    "distance",
    "sched_dep_minute",
    "seats",
    "precip",
)
CATEGORICAL = {
    "carrier": ("AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN"),
    "origin": ("EWR", "JFK", "LGA"),
    "weekday": ("Fri", "Mon", "Sat", "Sun", "Thu", "Tue", "Wed"),
    "manufacturer": ("AIRBUS", "BOEING", "BOMBARDIER", "EMBRAER"),
    "hour_block": ("afternoon", "evening", "morning", "night"),
}
FEATURES = (*NUMERIC, *CATEGORICAL)


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


def seed(db: Database, now: datetime) -> None:
    """Fill an empty control database as of `now`."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with db.session() as session:
        seed_flights(session, midnight - DAYS * DAY, now)
        seed_simple(session, "churn", "auc", 0.79, now, versions=("6", "7"), fall=0.11)
        seed_simple(session, "fraud-score", "auc", 0.93, now)
        seed_simple(session, "house-price", "mae", 18.4, now)
        session.add(Model(name="recommender", created_at=now - timedelta(minutes=10), predictions=0, labels=0))


def seed_flights(session: Session, first: datetime, now: datetime) -> None:
    random = np.random.default_rng(7)
    model = _model(session, "flight-delay", "binary", first, now, DAYS * ROWS)
    spans = {"1": (0, 54), "2": (32.42, 35.33), "3": (54, DAYS)}
    for name, (start, end) in spans.items():
        session.add(ModelVersion(model_id=model.id, name=name, first_event_time=first + start * DAY,
                                 last_event_time=first + end * DAY - timedelta(minutes=5),
                                 predictions=int((end - start) * ROWS)))  # fmt: skip
    for name in FEATURES:
        kind = "numeric" if name in NUMERIC else "categorical"
        session.add(
            FeatureColumn(model_id=model.id, name=name, kind=kind, lake_column=column_name(name), created_at=first)
        )
    days = [_day(random, first, index) for index in range(DAYS)]
    bins, whole = _baseline(random)
    baseline = Baseline(model_id=model.id, name="first two weeks", origin="production window", rows=8 * ROWS, start=first,
                        end=first + 14 * DAY, active=True, created_at=first + 14 * DAY,
                        payload=encode_baseline(BaselineProfile(bins, None, whole)))  # fmt: skip
    session.add(baseline)
    session.flush()
    monitors = _monitors(session, model, first)
    for day in days:
        profile = WindowProfile(
            columns={name: _column(random, name, bins[name], day.warmth, ROWS) for name in FEATURES}
        )
        session.add(ProfileRow(model_id=model.id, segment="all", size_seconds=86400, start=day.start,
                               baseline_id=baseline.id, payload=encode_profile(profile)))  # fmt: skip
        _service(session, random, model, monitors, day)
        _performance(session, random, model, monitors, day)
        _drift(session, random, model, monitors["feature_drift"], day, whole, profile)
    _faulty_version(session, model, monitors["auc"], first)
    _slow_drift(session, model, monitors["feature_drift"], first)


def _day(random: np.random.Generator, first: datetime, index: int) -> Day:
    faulty = 32 <= index < 35
    warmth = max(0.0, (index - 38) / 10)
    auc = 0.52 if faulty else 0.73 - (0.025 * warmth if index < 54 else 0.0)
    return Day(index, first + index * DAY, auc + random.normal(0, 0.012), warmth)


def _model(session: Session, name: str, task: str, first: datetime, now: datetime, predictions: int) -> Model:
    model = Model(name=name, task=task, positive_class="1", created_at=first, first_event_time=first,
                  watermark=now - timedelta(minutes=4), last_received_at=now - timedelta(minutes=3),
                  predictions=predictions, labels=int(predictions * 0.94))  # fmt: skip
    session.add(model)
    session.flush()
    return model


def _monitors(session: Session, model: Model, created: datetime) -> dict[str, Monitor]:
    wanted = {
        "auc": ("auc", "critical"),
        "feature_drift": ("drift", "warning"),
        "error_rate": ("error_rate", "critical"),
        "latency_p95": ("latency_p95", "warning"),
    }
    found = {}
    for name, (metric, severity) in wanted.items():
        found[name] = Monitor(model_id=model.id, name=name, metric=metric, segment="all", window_seconds=86400,
                              threshold={"kind": "baseline"}, severity=severity, created_at=created)  # fmt: skip
    session.add_all(found.values())
    session.flush()
    return found


def _raw(random: np.random.Generator, name: str, warmth: float, rows: int) -> Any:
    if name in CATEGORICAL:
        values = CATEGORICAL[name]
        weights = np.linspace(2, 1, len(values))
        return random.choice(values, rows, p=weights / weights.sum()).tolist()
    scale = NUMERIC.index(name) + 1
    match name:
        case "temp":
            return random.normal(38 + 9 * warmth, 9, rows)
        case "dewp":
            return random.normal(26 + 5 * warmth, 11, rows)
        case "distance":
            return random.gamma(2.2, 480, rows)
        case "precip":
            return np.where(random.random(rows) < 0.9, 0.0, random.gamma(1, 0.1, rows))
        case "seats":
            return random.choice([20.0, 55.0, 100.0, 149.0, 189.0], rows)
        case _:
            return random.normal(10 * scale, 2 * scale, rows)


def _baseline(random: np.random.Generator) -> tuple[dict[str, Bins], WindowProfile]:
    bins: dict[str, Bins] = {}
    columns: dict[str, ColumnProfile] = {}
    for name in FEATURES:
        values = _raw(random, name, 0.0, 8 * ROWS)
        if name in CATEGORICAL:
            bins[name] = category_bins({value: values.count(value) for value in set(values)})
        else:
            bins[name] = numeric_bins(values)
        columns[name] = _profile(bins[name], values)
    return bins, WindowProfile(columns=columns)


def _column(random: np.random.Generator, name: str, bins: Bins, warmth: float, rows: int) -> ColumnProfile:
    return _profile(bins, _raw(random, name, warmth, rows))


def _profile(bins: Bins, values: Any) -> ColumnProfile:
    if isinstance(bins, CategoryBins):
        return CategoricalProfile.of(values, bins.categories)
    assert isinstance(bins, NumericBins)
    return NumericProfile.of(np.asarray(values), bins.edges)


def distance(reference: ColumnProfile, current: ColumnProfile) -> float:
    """The Jensen-Shannon distance of two profiles, bin by bin."""
    p, q = (np.asarray(profile.counts) / max(1, sum(profile.counts)) for profile in (reference, current))
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.nansum(np.where(x > 0, x * np.log(x / middle), 0)) for x in (p, q)]
    return math.sqrt(max(0.0, sum(parts) / 2))


def _point(session: Session, model: Model, metric: str, start: datetime, value: float | None, n: int, *,
           column: str = "", status: str = "ok", reason: str = "", size: int = 86400) -> None:  # fmt: skip
    session.add(MetricPoint(model_id=model.id, metric=metric, metric_column=column, segment="all", size_seconds=size,
                            start=start, value=value, n=n, status=status, reason=reason))  # fmt: skip


def _judge(session: Session, monitor: Monitor, start: datetime, value: float | None, low: float | None,
           high: float | None, n: int, evidence: dict[str, Any] | None = None, breach: bool | None = None) -> None:  # fmt: skip
    if breach is None and value is not None:
        breach = (low is not None and value < low) or (high is not None and value > high)
    verdict = "insufficient" if value is None else "breach" if breach else "ok"
    session.add(Evaluation(monitor_id=monitor.id, window_start=start, segment="all", revision=1, verdict=verdict,
                           value=value, low=low, high=high, n=n, reason="", evidence=evidence or {},
                           evaluated_at=start + timedelta(seconds=monitor.window_seconds, minutes=2)))  # fmt: skip


def _service(
    session: Session, random: np.random.Generator, model: Model, monitors: dict[str, Monitor], day: Day
) -> None:
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
        _point(session, model, metric, day.start, value, predictions)
    _judge(session, monitors["latency_p95"], day.start, latency, None, 60.0, predictions)
    _judge(session, monitors["error_rate"], day.start, errors, None, 0.02, predictions)


def _performance(
    session: Session, random: np.random.Generator, model: Model, monitors: dict[str, Monitor], day: Day
) -> None:
    if day.index == 20:  # a day that labels never came for: shown as "not enough data", never as a fault
        _point(
            session,
            model,
            "auc",
            day.start,
            None,
            12,
            status="insufficient",
            reason="12 labelled rows, at least 50 needed",
        )
        _judge(session, monitors["auc"], day.start, None, None, None, 12)
        return
    n = 850 if day.index < 58 else 540
    _point(session, model, "auc", day.start, day.auc, n)
    _point(session, model, "accuracy", day.start, day.auc + 0.11, n)
    _judge(session, monitors["auc"], day.start, day.auc, 0.66, None, n)


def _drift(session: Session, random: np.random.Generator, model: Model, monitor: Monitor, day: Day,
           reference: WindowProfile, current: WindowProfile) -> None:  # fmt: skip
    verdicts = []
    for name in FEATURES:
        score = distance(reference.columns[name], current.columns[name])
        usual = distance_of_noise(reference.columns[name])
        limit = max(0.1, 1.6 * usual)
        breach = score > limit
        why = ""
        if breach:
            before, after = reference.columns[name], current.columns[name]
            why = f"moved up: median {before.quantile(0.5):.0f} → {after.quantile(0.5):.0f}" if isinstance(
                before, NumericProfile) and isinstance(after, NumericProfile) else "other shares of categories"  # fmt: skip
        _point(session, model, "drift", day.start, score, ROWS, column=name)
        verdicts.append({"name": name, "value": score, "limit": limit, "p_value": 1e-9 if breach else 0.4,
                         "breach": breach, "why": why})  # fmt: skip
    flagged = [verdict for verdict in verdicts if verdict["breach"]]
    evidence = {
        "summary": f"{len(flagged)} of {len(verdicts)} features drifted",
        "columns": flagged,
        "all_columns": verdicts,
    }
    _judge(session, monitor, day.start, float(len(flagged)), None, None, ROWS, evidence, bool(flagged))


def distance_of_noise(reference: ColumnProfile) -> float:
    """About how far apart two samples of ROWS are that come from one distribution."""
    return math.sqrt(len(reference.counts) / (8 * ROWS) * 1.15)


def _faulty_version(session: Session, model: Model, monitor: Monitor, first: datetime) -> None:
    since, until = first + 32 * DAY, first + 36 * DAY
    opened = since + 2 * DAY + timedelta(minutes=3)
    incident = Incident(
        model_id=model.id, monitor_id=monitor.id, metric="auc", segment="all", state="resolved", severity="critical",
        title="AUC below baseline", since=since, until=until, opened_at=opened, resolved_at=until + DAY, evidence={
            "summary": "AUC 0.51, expected at least 0.66", "value": 0.51, "low": 0.66, "high": None, "n": 912, "unit": "",
            "baseline": "first two weeks", "window": {"start": since.isoformat(), "seconds": 86400},
            "windows_in_breach": 2, "columns": [],
            "versions": [{"name": "2", "share": 0.97, "first_event_time": (since + timedelta(hours=10)).isoformat()}]})  # fmt: skip
    session.add(incident)
    session.flush()
    opening = _event(
        session, incident, opened, "opened", "AUC 0.51, expected at least 0.66; version 2 took over at 10:05 UTC"
    )
    _event(session, incident, opened + timedelta(minutes=9), "acknowledged", "Looking into version 2", "mira")
    closing = _event(session, incident, until + DAY, "resolved", "AUC 0.73 for two windows in a row; lasted 4 d")
    _notification(session, opening, "on-call-slack", "sent", "first notification")
    _notification(session, opening, "pager", "suppressed", "silenced by jo until 09:00 UTC: planned rollout")
    _notification(session, closing, "on-call-slack", "sent", "resolved")
    _run(session, model, incident, "roll-back-to-last-good", "rollback", "blocked", opened, None,
         "cooldown: the last run for flight-delay was 20 min ago, at least 60 min must pass")  # fmt: skip
    _run(session, model, incident, "roll-back-to-last-good", "rollback", "done", opened + timedelta(hours=1), until + DAY,
         "version 1 serves again")  # fmt: skip


def _slow_drift(session: Session, model: Model, monitor: Monitor, first: datetime) -> None:
    since = first + 41 * DAY
    opened = since + 2 * DAY + timedelta(minutes=3)
    incident = Incident(
        model_id=model.id, monitor_id=monitor.id, metric="drift", segment="all", state="acknowledged", severity="warning",
        title="2 features drifted", since=since, opened_at=opened, acknowledged_at=opened + timedelta(hours=3),
        acknowledged_by="mira", evidence={
            "summary": "2 of 15 features drifted: temp, dewp", "value": 2.0, "low": None, "high": None, "n": ROWS, "unit": "",
            "baseline": "first two weeks", "window": {"start": (since + DAY).isoformat(), "seconds": 86400},
            "windows_in_breach": 2, "columns": [
                {"name": "temp", "value": 0.41, "limit": 0.2, "p_value": 1e-9, "why": "moved up: median 38 → 56"},
                {"name": "dewp", "value": 0.27, "limit": 0.2, "p_value": 1e-6, "why": "moved up: median 26 → 36"}],
            "versions": [{"name": "1", "share": 1.0, "first_event_time": first.isoformat()}]})  # fmt: skip
    session.add(incident)
    session.flush()
    opening = _event(session, incident, opened, "opened", "2 of 15 features drifted: temp (0.41, limit 0.20), dewp")
    _event(
        session,
        incident,
        opened + timedelta(hours=3),
        "acknowledged",
        "Expected in spring; retrain on newer data",
        "mira",
    )
    _event(session, incident, first + 54 * DAY, "note", "version 3, trained on the last 30 days, was deployed", "kedge")
    _notification(session, opening, "on-call-slack", "sent", "first notification")
    _notification(
        session, opening, "team-webhook", "failed", "gave up after 5 attempts: 503 Service Unavailable", attempts=5
    )
    _run(session, model, incident, "retrain-nightly", "retrain", "done", opened + timedelta(minutes=1), None,
         "training job finished: version 3")  # fmt: skip


def _event(
    session: Session, incident: Incident, at: datetime, kind: str, text: str, author: str = "kedge"
) -> IncidentEvent:
    event = IncidentEvent(incident_id=incident.id, at=at, kind=kind, author=author, text=text, dispatched_at=at)
    session.add(event)
    session.flush()
    return event


def _notification(
    session: Session, event: IncidentEvent, channel: str, state: str, reason: str, attempts: int = 1
) -> None:
    sent = event.at + timedelta(seconds=2) if state == "sent" else None
    session.add(Notification(id=f"{event.id}-{channel}", incident_event_id=event.id, channel=channel, state=state, reason=reason,
                             attempts=attempts, next_attempt_at=event.at, created_at=event.at, sent_at=sent))  # fmt: skip


def _run(session: Session, model: Model, incident: Incident, response: str, kind: str, state: str, at: datetime,
         verified: datetime | None, reason: str) -> None:  # fmt: skip
    key = f"{incident.id}-{kind}-{state}"
    session.add(ResponseRun(id=key, model_id=model.id, incident_id=incident.id, response=response, kind=kind,
                            idempotency_key=key, state=state, reason=reason, attempts=1, next_attempt_at=at, created_at=at,
                            plan={"target": "webhook", "to_version": "1" if kind == "rollback" else None},
                            finished_at=at + timedelta(minutes=4), verified_at=verified))  # fmt: skip


def seed_simple(session: Session, name: str, metric: str, usual: float, now: datetime, *,
                versions: tuple[str, ...] = ("1",), fall: float = 0.0) -> None:  # fmt: skip
    """A model with one performance metric in hourly windows; with a `fall`, the last six are a critical incident."""
    random = np.random.default_rng(len(name))
    hours = 96
    last = now.replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=hours)
    model = _model(session, name, "regression" if metric == "mae" else "binary", first, now, hours * 5200)
    for index, version in enumerate(versions):
        start = first if index == 0 else last - timedelta(hours=6)
        end = last if index == len(versions) - 1 else last - timedelta(hours=6)
        session.add(ModelVersion(model_id=model.id, name=version, first_event_time=start, last_event_time=end,
                                 predictions=5200 * max(1, (end - start) // timedelta(hours=1))))  # fmt: skip
    monitor = Monitor(model_id=model.id, name=metric, metric=metric, segment="all", window_seconds=3600,
                      threshold={"kind": "baseline"}, severity="critical", created_at=first)  # fmt: skip
    session.add(monitor)
    session.flush()
    low, high = (None, usual * 1.15) if metric == "mae" else (usual - 0.03, None)
    for hour in range(hours):
        start = first + timedelta(hours=hour)
        fallen = fall if hour >= hours - 6 else 0.0
        n = int(5200 + 1500 * math.sin(hour / 24 * math.tau) + random.normal(0, 120))
        value = usual * (1 + float(random.normal(0, 0.008))) - fallen
        for point, number in ((metric, value), ("predictions", float(n)), ("throughput", n / 3600), ("label_coverage", 0.91),
                              ("latency_p50", 9.0), ("latency_p95", 22 + float(random.normal(0, 1))), ("latency_p99", 48.0),
                              ("error_rate", 0.001)):  # fmt: skip
            _point(session, model, point, start, number, n, size=3600)
        _judge(session, monitor, start, value, low, high, n)
    if fall:
        since = last - timedelta(hours=6)
        incident = Incident(
            model_id=model.id, monitor_id=monitor.id, metric=metric, segment="all", state="open", severity="critical",
            title="AUC below baseline", since=since, opened_at=since + timedelta(hours=2), evidence={
                "summary": f"AUC {usual - fall:.2f}, expected at least {low:.2f}", "value": usual - fall, "low": low,
                "high": None, "n": 5100, "unit": "", "baseline": "training 2026-01", "windows_in_breach": 6, "columns": [],
                "window": {"start": since.isoformat(), "seconds": 3600},
                "versions": [{"name": "7", "share": 1.0, "first_event_time": since.isoformat()}]})  # fmt: skip
        session.add(incident)
        session.flush()
        opening = _event(session, incident, incident.opened_at, "opened", incident.evidence["summary"])
        _notification(session, opening, "on-call-slack", "sent", "first notification")
