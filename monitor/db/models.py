"""The tables of the control database, one class per noun."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from monitor.db.types import BigId, UtcDateTime

Json = dict[str, Any]


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UtcDateTime, Json: JSON, list[str]: JSON, bytes: LargeBinary, str: Text}


class Model(Base):
    """What is watched. `watermark` is the latest event time taken in; windows before it may be closed."""

    __tablename__ = "models"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    task: Mapped[str | None] = mapped_column(String(20))
    positive_class: Mapped[str | None]
    created_at: Mapped[datetime]
    first_event_time: Mapped[datetime | None]
    watermark: Mapped[datetime | None]
    last_received_at: Mapped[datetime | None]
    predictions: Mapped[int] = mapped_column(BigId, default=0)
    labels: Mapped[int] = mapped_column(BigId, default=0)


class ModelVersion(Base):
    """A version of a model that was seen to serve, and when (event times)."""

    __tablename__ = "model_versions"
    __table_args__ = (UniqueConstraint("model_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    first_event_time: Mapped[datetime]
    last_event_time: Mapped[datetime]
    predictions: Mapped[int] = mapped_column(BigId, default=0)


class FeatureColumn(Base):
    """One feature of a model's schema: a contract, learnt once."""

    __tablename__ = "features"
    __table_args__ = (UniqueConstraint("model_id", "name"), UniqueConstraint("model_id", "lake_column"))
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(20))
    lake_column: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class Baseline(Base):
    """A frozen reference: bins, counts, the variation of its own blocks, and its performance. One is active.

    `sample` holds some of its rows (Arrow), for methods that need rows; `estimator` what estimates performance before
    labels come; `importance` how much each feature moves the model's score.
    """

    __tablename__ = "baselines"
    __table_args__ = (UniqueConstraint("model_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    origin: Mapped[str]
    rows: Mapped[int] = mapped_column(BigId)
    start: Mapped[datetime | None]
    end: Mapped[datetime | None]
    active: Mapped[bool]
    created_at: Mapped[datetime]
    payload: Mapped[bytes]
    sample: Mapped[bytes | None] = mapped_column(deferred=True)
    estimator: Mapped[bytes | None] = mapped_column(deferred=True)
    importance: Mapped[Json | None]


class Monitor(Base):
    """A metric, its window, and when to call it a breach: `breaches` of the last `looks` windows."""

    __tablename__ = "monitors"
    __table_args__ = (UniqueConstraint("model_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    metric: Mapped[str] = mapped_column(String(100))
    segment: Mapped[str] = mapped_column(String(200), default="all")
    window_seconds: Mapped[int]
    threshold: Mapped[Json]
    breaches: Mapped[int] = mapped_column(default=2)
    looks: Mapped[int] = mapped_column(default=3)
    recoveries: Mapped[int] = mapped_column(default=2)
    min_rows: Mapped[int] = mapped_column(default=50)
    severity: Mapped[str] = mapped_column(String(20), default="warning")
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class WindowState(Base):
    """One window of one model and its revision: it is due while `revision` is ahead of `evaluated_revision`."""

    __tablename__ = "windows"
    __table_args__ = (
        UniqueConstraint("model_id", "size_seconds", "start"),
        Index("ix_windows_model_start", "model_id", "start"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    size_seconds: Mapped[int]
    start: Mapped[datetime]
    revision: Mapped[int] = mapped_column(default=1)
    evaluated_revision: Mapped[int] = mapped_column(default=0)
    touched_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[datetime | None]


class ProfileRow(Base):
    """The stored profile of one window: all columns, mergeable, as one blob."""

    __tablename__ = "profiles"
    __table_args__ = (UniqueConstraint("model_id", "segment", "size_seconds", "start"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    segment: Mapped[str] = mapped_column(String(200))
    size_seconds: Mapped[int]
    start: Mapped[datetime]
    baseline_id: Mapped[int | None]
    payload: Mapped[bytes]


class MetricPoint(Base):
    """A named number about a window; `metric_column` is the feature it is about, or empty."""

    __tablename__ = "metric_points"
    __table_args__ = (
        UniqueConstraint("model_id", "metric", "metric_column", "segment", "size_seconds", "start"),
        Index("ix_metric_points_window", "model_id", "size_seconds", "start"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    metric: Mapped[str] = mapped_column(String(100))
    metric_column: Mapped[str] = mapped_column(Text, default="")
    segment: Mapped[str] = mapped_column(String(200), default="all")
    size_seconds: Mapped[int]
    start: Mapped[datetime]
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    n: Mapped[int] = mapped_column(BigId)
    status: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str]


class Evaluation(Base):
    """One verdict of one monitor on one window; a reopened window replaces it."""

    __tablename__ = "evaluations"
    __table_args__ = (UniqueConstraint("monitor_id", "window_start", "segment"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    window_start: Mapped[datetime]
    segment: Mapped[str] = mapped_column(String(200), default="all")
    revision: Mapped[int]
    verdict: Mapped[str] = mapped_column(String(20))
    value: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    n: Mapped[int] = mapped_column(BigId)
    reason: Mapped[str]
    evidence: Mapped[Json]
    evaluated_at: Mapped[datetime]


class Incident(Base):
    """A breach's life. `since` and `until` are event times, `opened_at` and `resolved_at` the clock's."""

    __tablename__ = "incidents"
    __table_args__ = (Index("ix_incidents_model_state", "model_id", "state"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    monitor_id: Mapped[int] = mapped_column(ForeignKey("monitors.id", ondelete="CASCADE"))
    metric: Mapped[str] = mapped_column(String(100))
    segment: Mapped[str] = mapped_column(String(200), default="all")
    state: Mapped[str] = mapped_column(String(20))
    severity: Mapped[str] = mapped_column(String(20))
    title: Mapped[str]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    resolved_at: Mapped[datetime | None]
    evidence: Mapped[Json]


class IncidentEvent(Base):
    """One entry of an incident's timeline. A change of state waits here until alerts have fanned it out."""

    __tablename__ = "incident_events"
    __table_args__ = (Index("ix_incident_events_dispatched_at", "dispatched_at"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(20))
    author: Mapped[str]
    text: Mapped[str]
    dispatched_at: Mapped[datetime | None]


class Notification(Base):
    """One message to one channel about one incident event; `id` is stable, so that receivers can drop repeats."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("incident_event_id", "channel"),
        Index("ix_notifications_due", "state", "next_attempt_at"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    incident_event_id: Mapped[int] = mapped_column(ForeignKey("incident_events.id", ondelete="CASCADE"))
    channel: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    receipt: Mapped[str | None]


class ResponseRun(Base):
    """One guarded run of one response; `idempotency_key` makes it happen once."""

    __tablename__ = "response_runs"
    __table_args__ = (Index("ix_response_runs_due", "state", "next_attempt_at"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    response: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    idempotency_key: Mapped[str] = mapped_column(String(200), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str]
    plan: Mapped[Json]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    receipt: Mapped[str | None]


class QuarantineRow(Base):
    """A refused record: kept, with the reason. Unique by where the collector first wrote it down.

    `log_format` is that of the payload; empty where it is a record as Kedge itself writes it.
    """

    __tablename__ = "quarantine"
    __table_args__ = (
        UniqueConstraint("collector_id", "inbox_id"),
        Index("ix_quarantine_model", "model", "received_at"),
        Index("ix_quarantine_received_at", "received_at"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    collector_id: Mapped[str] = mapped_column(String(40))
    inbox_id: Mapped[int] = mapped_column(BigId)
    received_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(100))
    model: Mapped[str | None] = mapped_column(String(250))
    kind: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str]
    payload: Mapped[bytes]
    log_format: Mapped[str] = mapped_column(String(100), default="", server_default="")


class SourcePause(Base):
    """A source that a collector has paused because everything it sent was refused; gone when the pause ends."""

    __tablename__ = "source_pauses"
    collector_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(String(500), primary_key=True)
    since: Mapped[datetime]
    reason: Mapped[str]
    refused: Mapped[int] = mapped_column(BigId)
    turned_away: Mapped[int] = mapped_column(BigId)
    seen_at: Mapped[datetime]


class CollectorProgress(Base):
    """Through which of its inbox rows a collector's records are counted: the mark that makes counting happen once."""

    __tablename__ = "collector_progress"
    collector_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    counted_through: Mapped[int] = mapped_column(BigId)


class ServiceSample(Base):
    """What a version of a model served between two looks at its server's counters; `payload` is a ServiceProfile."""

    __tablename__ = "service_samples"
    __table_args__ = (
        UniqueConstraint("model_id", "source", "version", "start"),
        Index("ix_service_samples_end", "model_id", "end"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    model_id: Mapped[int] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"))
    source: Mapped[str] = mapped_column(String(200))
    version: Mapped[str] = mapped_column(String(200))
    start: Mapped[datetime]
    end: Mapped[datetime]
    payload: Mapped[bytes]


class ApiKey(Base):
    """A key's role and hash; the key itself is shown once and never stored."""

    __tablename__ = "api_keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    prefix: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what, when; never what a record contained."""

    __tablename__ = "audit_log"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(100))
    target: Mapped[str]
    detail: Mapped[Json]
