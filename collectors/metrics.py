"""Outcome counters of the collector: every record ends in one of them."""

from __future__ import annotations

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter


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
        # Finding a labelled counter costs more than counting: each is found once.
        self.request_of = lru_cache(1000)(self.requests.labels)
        self.record_of = lru_cache(1000)(self.records.labels)
        self.source_records = Counter(
            "kedge_source_records", "Records that a pull source read.", ["source", "outcome"], registry=registry
        )
        self.source_failures = Counter(
            "kedge_source_failures",
            "Failed reads of a pull source; they are tried again.",
            ["source"],
            registry=registry,
        )
