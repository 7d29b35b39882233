"""Outcome counters of the collector: every record ends in one of them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class CollectorMetrics:
    """Prometheus metrics of one collector, in the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "kedge_records",
            "Records received, by outcome: accepted, refused, or repeated (an idempotency key seen before).",
            ["kind", "outcome"],
            registry=registry,
        )
        self.requests = Counter(
            "kedge_requests", "Requests answered, by status.", ["kind", "status"], registry=registry
        )
        self.flushed = Counter("kedge_flushed", "Records written to the lake.", ["kind"], registry=registry)
        self.duplicates = Counter(
            "kedge_duplicates", "Predictions dropped because their id was seen before.", registry=registry
        )
        self.flush_refused = Counter(
            "kedge_flush_refused", "Acknowledged records that went to quarantine when flushed.", registry=registry
        )
        self.flush_failures = Counter(
            "kedge_flush_failures",
            "Flushes of one model and kind that failed and will be tried again.",
            registry=registry,
        )
        self.flush_seconds = Histogram("kedge_flush_seconds", "Duration of one flush pass.", registry=registry)
        self.inbox_records = Gauge("kedge_inbox_records", "Records that wait in the inbox.", registry=registry)
        self.inbox_bytes = Gauge("kedge_inbox_bytes", "Bytes of the inbox in use.", registry=registry)
