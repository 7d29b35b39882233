"""Writing the rows of one model, so that a story can be told in a few words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from monitor.baselines import BaselineProfile, encode_baseline
from monitor.db.models import (
    Baseline,
    Evaluation,
    Incident,
    IncidentEvent,
    MetricPoint,
    Model,
    ModelVersion,
    Monitor,
    Notification,
    ResponseRun,
)
from monitor.profiles import WindowProfile


@dataclass(frozen=True)
class Writer:
    """Adds rows of one model whose windows all have one size."""

    session: Session
    model: Model
    size: timedelta

    @classmethod
    def of(
        cls, session: Session, name: str, task: str, size: timedelta, first: datetime, now: datetime, predictions: int
    ) -> Writer:
        model = Model(
            name=name,
            task=task,
            positive_class="1",
            created_at=first,
            first_event_time=first,
            watermark=now - timedelta(minutes=4),
            last_received_at=now - timedelta(minutes=3),
            predictions=predictions,
            labels=int(predictions * 0.94),
        )
        session.add(model)
        session.flush()
        return cls(session, model, size)

    @property
    def seconds(self) -> int:
        return int(self.size.total_seconds())

    def version(self, name: str, first: datetime, last: datetime, predictions: int) -> None:
        row = ModelVersion(model_id=self.model.id, name=name, first_event_time=first, last_event_time=last)
        row.predictions = predictions
        self.session.add(row)

    def baseline(self, rows: int) -> None:
        """A baseline without columns, for stories that are not about drift."""
        row = Baseline(model_id=self.model.id, name="training 2026-01", origin="file", rows=rows, active=True)
        row.created_at, row.payload = self.model.created_at, encode_baseline(BaselineProfile({}, None, WindowProfile()))
        self.session.add(row)

    def monitor(self, name: str, metric: str, severity: str) -> Monitor:
        row = Monitor(model_id=self.model.id, name=name, metric=metric, segment="all", severity=severity)
        row.window_seconds, row.threshold, row.created_at = self.seconds, {"kind": "baseline"}, self.model.created_at
        self.session.add(row)
        self.session.flush()
        return row

    def point(
        self, metric: str, start: datetime, value: float | None, n: int, column: str = "", reason: str = ""
    ) -> None:
        row = MetricPoint(model_id=self.model.id, metric=metric, metric_column=column, segment="all", start=start)
        row.size_seconds, row.value, row.n, row.reason = self.seconds, value, n, reason
        row.status = "ok" if value is not None else "insufficient"
        self.session.add(row)

    def judge(
        self,
        monitor: Monitor,
        start: datetime,
        value: float | None,
        n: int,
        *,
        low: float | None = None,
        high: float | None = None,
        breach: bool | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> None:
        if breach is None and value is not None:
            breach = (low is not None and value < low) or (high is not None and value > high)
        row = Evaluation(monitor_id=monitor.id, window_start=start, segment="all", revision=1, value=value, n=n)
        row.verdict = "insufficient" if value is None else "breach" if breach else "ok"
        row.low, row.high, row.reason, row.evidence = low, high, "", evidence or {}
        row.evaluated_at = start + self.size + timedelta(minutes=2)
        self.session.add(row)

    def incident(
        self, monitor: Monitor, title: str, since: datetime, opened: datetime, evidence: dict[str, Any]
    ) -> Incident:
        """An open incident; the story goes on from there."""
        row = Incident(
            model_id=self.model.id, monitor_id=monitor.id, metric=monitor.metric, segment="all", state="open"
        )
        row.severity, row.title, row.since, row.opened_at = monitor.severity, title, since, opened
        row.evidence = {"unit": "", "low": None, "high": None, "columns": [], "versions": [], **evidence}
        row.evidence["window"] = {"start": since.isoformat(), "seconds": self.seconds}
        self.session.add(row)
        self.session.flush()
        return row

    def event(self, incident: Incident, at: datetime, kind: str, text: str, author: str = "kedge") -> IncidentEvent:
        row = IncidentEvent(incident_id=incident.id, at=at, kind=kind, author=author, text=text, dispatched_at=at)
        self.session.add(row)
        self.session.flush()
        return row

    def message(
        self, event: IncidentEvent, channel: str, state: str, reason: str, attempts: int = 1, receipt: str | None = None
    ) -> None:
        row = Notification(id=f"{event.id}-{channel}", incident_event_id=event.id, channel=channel, state=state)
        row.reason, row.attempts, row.next_attempt_at, row.created_at = reason, attempts, event.at, event.at
        row.sent_at = event.at + timedelta(seconds=2) if state == "sent" else None
        row.receipt = receipt
        self.session.add(row)

    def run(
        self, incident: Incident, response: str, kind: str, state: str, at: datetime, reason: str,
        verified: datetime | None = None,
    ) -> None:  # fmt: skip
        key = f"{incident.id}-{kind}-{state}"
        row = ResponseRun(id=key, model_id=self.model.id, incident_id=incident.id, response=response, kind=kind)
        row.idempotency_key, row.state, row.reason, row.plan = key, state, reason, {"target": "webhook"}
        row.attempts, row.next_attempt_at, row.created_at = 1, at, at
        row.finished_at, row.verified_at = at + timedelta(minutes=4), verified
        self.session.add(row)
