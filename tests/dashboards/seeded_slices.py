"""What `churn` also has where it is told: segments, data quality, estimates, groups and an objective."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from monitor.db.database import Database
from monitor.db.models import Evaluation, MetricPoint, Model, Monitor

HOUR, SLOT = timedelta(hours=1), timedelta(minutes=5)
HOURS = 12
FINDING = {"name": "income", "kind": "missing", "value": 0.2, "limit": 0.03, "why": "missing: 1.0% → 20.0%"}
LATE = {"name": "freshness", "kind": "freshness", "value": 7200.0, "limit": 900.0, "why": "rows come late"}
SLO_WORDS = "1.2 % of the calls failed in the last 1 h (62 of 5,166)"


def seed_slices(file: Path, now: datetime) -> None:
    database = Database(f"sqlite:///{file}")
    with database.session() as session:
        model = session.query(Model).filter_by(name="churn").one()
        first = now.replace(minute=0, second=0, microsecond=0) - HOURS * HOUR
        for hour in range(HOURS):
            _window(session, model, first + hour * HOUR)
        _verdicts(session, model, first)
        _objective(session, model, now - SLOT)
    database.close()


def _window(session: Session, model: Model, start: datetime) -> None:
    for segment, auc in (("region=eu", 0.61), ("region=us", 0.78)):
        _point(session, model, start, "auc", auc, segment=segment)
        _point(session, model, start, "error_rate", 0.001, segment=segment)
    _point(session, model, start, "estimated_auc", 0.77)
    _point(session, model, start, "outlier_rate", 0.002)
    for name, missing in (("age", 0.0), ("income", 0.2)):
        _point(session, model, start, "missing_rate", missing, column=name)
    for group, n in (("sex=f", 900), ("sex=m", 1000), ("sex=x", 7)):
        few = f"{n} rows, 30 needed" if n < 30 else ""
        for rate in ("selection_rate", "tpr", "fpr"):
            _point(session, model, start, rate, 0.4, column=group, n=n, reason=few)
    _point(session, model, start, "selection_rate_difference", 0.03)


def _verdicts(session: Session, model: Model, first: datetime) -> None:
    broken = _monitor(session, model, "data_quality", "data_quality")
    by_region = _monitor(session, model, "auc_by_segment", "auc", "region=*")
    for hour in range(HOURS):
        start = first + hour * HOUR
        columns = [FINDING, LATE] if hour == HOURS - 1 else []
        reason = "1 of 2 columns look broken: income (missing: 1.0% → 20.0%)" if columns else "Nothing is wrong"
        _verdict(session, broken, start, float(len(columns)), high=0.0, reason=reason, columns=columns)
        _verdict(session, by_region, start, 0.61, low=0.7, segment="region=eu")
        _verdict(session, by_region, start, 0.78, low=0.7, segment="region=us")


def _objective(session: Session, model: Model, slot: datetime) -> None:
    fast = _monitor(session, model, "slo:available", "slo_burn")
    _verdict(session, fast, slot, 15.0, high=14.4, reason=SLO_WORDS)
    for metric, value in (("slo_burn", 15.0), ("slo_budget", 0.83)):
        _point(session, model, slot, metric, value, column="available", segment="slo", size=SLOT)


def _point(
    session: Session, model: Model, start: datetime, metric: str, value: float, *, column: str = "",
    segment: str = "all", size: timedelta = HOUR, n: int = 500, reason: str = "",
) -> None:  # fmt: skip
    row = MetricPoint(model_id=model.id, metric=metric, metric_column=column, segment=segment, start=start)
    row.size_seconds, row.value, row.n, row.reason = int(size.total_seconds()), value, n, reason
    row.status = "insufficient" if reason else "ok"
    session.add(row)


def _monitor(session: Session, model: Model, name: str, metric: str, segment: str = "all") -> Monitor:
    row = Monitor(model_id=model.id, name=name, metric=metric, segment=segment, severity="critical")
    row.window_seconds, row.threshold, row.created_at = 3600, {"kind": "baseline"}, model.created_at
    session.add(row)
    session.flush()
    return row


def _verdict(
    session: Session, monitor: Monitor, start: datetime, value: float, *, low: float | None = None,
    high: float | None = None, reason: str = "", segment: str = "all", columns: list[dict[str, object]] | None = None,
) -> None:  # fmt: skip
    broken = (low is not None and value < low) or (high is not None and value > high)
    row = Evaluation(monitor_id=monitor.id, window_start=start, segment=segment, revision=1, value=value, n=500)
    row.verdict, row.low, row.high = "breach" if broken else "ok", low, high
    row.reason, row.evidence, row.evaluated_at = reason, {"columns": columns or []}, start + HOUR
    session.add(row)
