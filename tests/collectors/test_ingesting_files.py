"""Files through the collector's door: the same checks as HTTP, stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from prometheus_client import CollectorRegistry
from pyarrow import parquet

from collectors.collector import Request, random_ids
from collectors.flush_totals import FlushMetrics
from collectors.formats import WHOLE_BODY, Decoded, Log, find_format, sniff_format
from collectors.formats.table_rows import CHUNK
from collectors.wire import WirePrediction
from monitor.lake import Kind
from monitor.records import Refusal

from .conftest import Rig


def request(rig: Rig) -> Request:
    return Request(kind=Kind.PREDICTIONS, received_at=rig.now, source="file", model="income")


def test_a_long_file_is_stored_in_stretches_and_all_of_it_arrives(rig: Rig) -> None:
    count = CHUNK + 500
    sink = pa.BufferOutputStream()
    columns = {
        "prediction_id": [str(n) for n in range(count)],
        "age": [1] * count,
        "label": [n % 2 for n in range(count)],
    }
    parquet.write_table(pa.table(columns), sink)
    body = sink.getvalue().to_pybytes()
    log_format = sniff_format(Log(body[:100]))
    assert log_format is find_format("parquet")
    taken = list(rig.collector.ingest(body, request(rig), log_format))
    assert [each.accepted for each in taken] == [CHUNK, 500]
    report = rig.flush()
    assert (report.predictions, report.labels) == (count, count)


def test_bad_rows_of_a_file_go_to_quarantine(rig: Rig) -> None:
    body = b"prediction_id,latency_ms\na,1.5\nb,-2\nc\n"
    taken = list(rig.collector.ingest(body, request(rig), find_format("csv")))
    assert sum(each.accepted for each in taken) == 1
    assert sum(each.refused for each in taken) == 2
    rows = rig.inbox.refused()
    assert [row.payload for row in rows] == [b'{"prediction_id":"b","latency_ms":-2.0}', b"c"]
    assert "latency_ms: expected `float` >= 0.0; got -2" in rows[0].reason


class BreaksInTheMiddle:
    name = "breaks"
    title = "Breaks"
    media_types = ("text/x-breaks",)

    def sniff(self, log: Log) -> bool:
        return False

    def decode(self, log: Log) -> Iterator[Decoded]:
        yield Decoded([WirePrediction(prediction_id="a")], [0])
        yield Decoded(refusals=[Refusal(index=WHOLE_BODY, reason="torn", payload=log.body)])

    def example(self) -> Log:
        return Log(b"")


def test_of_a_torn_file_the_readable_part_is_kept_and_the_rest_is_explained(rig: Rig) -> None:
    taken = list(rig.collector.ingest(b"...", request(rig), BreaksInTheMiddle()))
    assert [(each.accepted, each.refused) for each in taken] == [(1, 0), (0, 1)]
    assert [row.reason for row in rig.inbox.refused()] == ["torn"]


def test_a_torn_request_is_refused_whole(rig: Rig) -> None:
    taken = rig.collector.take(b"...", request(rig), BreaksInTheMiddle())
    assert (taken.accepted, taken.delivery.answer.status, taken.delivery.batches) == (0, 400, ())


def test_made_ids_are_many_and_different() -> None:
    assert random_ids(0) == []
    made = random_ids(1000)
    assert len(set(made)) == 1000
    assert {len(each) for each in made} == {32}


def test_flushing_is_counted(rig: Rig) -> None:
    registry = CollectorRegistry()
    registry.register(FlushMetrics(rig.inbox))
    rig.send([{"model": "m", "prediction_id": "a"}, {"model": "m", "prediction_id": "a"}])
    rig.flush()
    rig.flush()  # nothing to do is nothing to count
    assert registry.get_sample_value("kedge_flush_seconds_count") == 1
    assert registry.get_sample_value("kedge_flushed_total", {"kind": "predictions"}) == 1
    assert registry.get_sample_value("kedge_duplicates_total") == 1
    assert registry.get_sample_value("kedge_inbox_records") == 0
