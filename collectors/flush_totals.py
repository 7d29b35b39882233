"""What the flusher has done so far, kept in the inbox: it runs in a process of its own, and others ask for it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from collectors.inbox_reader import InboxReader

KEY = "flush_totals"


class FlushTotals(msgspec.Struct, kw_only=True):
    """Counts since the inbox was made."""

    predictions: int = 0
    labels: int = 0
    duplicates: int = 0
    refused: int = 0
    failures: int = 0
    passes: int = 0
    seconds: float = 0.0


def read_totals(inbox: InboxReader) -> FlushTotals:
    kept = inbox.note(KEY)
    return msgspec.json.decode(kept, type=FlushTotals) if kept else FlushTotals()


def keep_totals(inbox: InboxReader, totals: FlushTotals) -> None:
    inbox.keep_note(KEY, msgspec.json.encode(totals).decode())


class FlushMetrics(Collector):
    """The totals and the backlog as Prometheus metrics, read when they are scraped."""

    def __init__(self, inbox: InboxReader) -> None:
        self._inbox = inbox

    def collect(self) -> Iterable[Metric]:
        totals = read_totals(self._inbox)
        flushed = CounterMetricFamily("kedge_flushed", "Records written to the lake.", labels=["kind"])
        flushed.add_metric(["predictions"], totals.predictions)
        flushed.add_metric(["labels"], totals.labels)
        yield flushed
        yield CounterMetricFamily(
            "kedge_duplicates", "Predictions dropped because their id was seen before.", totals.duplicates
        )
        yield CounterMetricFamily(
            "kedge_flush_refused", "Acknowledged records that went to quarantine when flushed.", totals.refused
        )
        yield CounterMetricFamily(
            "kedge_flush_failures", "Flushes of one model and kind that failed and are tried again.", totals.failures
        )
        yield SummaryMetricFamily(
            "kedge_flush_seconds", "Duration of flush passes that wrote something.", totals.passes, totals.seconds
        )
        yield GaugeMetricFamily("kedge_inbox_records", "Records that wait in the inbox.", self._inbox.records_waiting())
        yield GaugeMetricFamily("kedge_inbox_bytes", "Bytes of the inbox in use.", self._inbox.bytes_in_use())
