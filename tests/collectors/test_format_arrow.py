"""Arrow: streams and files, with the columns of a table, and mappings on every kind of table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, ipc, parquet

from collectors.formats import WHOLE_BODY, Decoded, Log, find_format, sniff_format
from collectors.formats.table_rows import CHUNK, decode_batches
from collectors.wire import WireLabel, WirePrediction
from monitor.config import MappingSettings

COLUMNS = {"prediction_id": ["a", "b"], "prediction": [0.5, 1.5], "age": [39, 40], "tags.region": ["eu", None]}


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def file(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def as_csv(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink)
    return bytes(sink.getvalue())


def as_parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def decode(body: bytes, **mapping: Any) -> list[Decoded]:
    log = Log(body, mapping=MappingSettings(**mapping))
    log_format = sniff_format(log)
    assert log_format is not None
    return list(log_format.decode(log))


@pytest.mark.parametrize("write", [stream, file])
def test_a_stream_and_a_file_are_recognised_and_read(write: Any) -> None:
    body = write(pa.table(COLUMNS))
    assert sniff_format(Log(body)) is find_format("arrow")
    (decoded,) = decode(body)
    assert decoded.records == [
        WirePrediction(prediction_id="a", prediction=0.5, features={"age": 39}, tags={"region": "eu"}),
        WirePrediction(prediction_id="b", prediction=1.5, features={"age": 40}),
    ]


@pytest.mark.parametrize("write", [stream, file])
def test_what_is_torn_is_refused_and_what_came_before_is_kept(write: Any) -> None:
    table = pa.table({"prediction_id": [str(n) for n in range(CHUNK)]})
    body = write(pa.concat_tables([table, table]))
    parts = decode(body[: len(body) * 3 // 4])
    assert [refused.index for part in parts for refused in part.refusals] == [WHOLE_BODY]
    assert sum(len(part.records) for part in parts) in (0, CHUNK)


def test_offsets_that_lie_are_refused() -> None:
    body = bytearray(stream(pa.table({"prediction_id": ["abc", "def"]})))
    offsets = body.index(b"\x00\x00\x00\x00\x03\x00\x00\x00\x06\x00\x00\x00")
    body[offsets + 4 : offsets + 8] = b"\xff\xff\xff\x7f"
    (decoded,) = decode(bytes(body))
    assert [refused.index for refused in decoded.refusals] == [WHOLE_BODY]


def test_rows_without_columns_are_refused_whatever_their_number() -> None:
    batch = pa.table({"x": [1, 2]}).select([]).to_batches()
    with pytest.raises(ValueError, match="the table has no columns"):
        list(decode_batches(iter(batch), Log(b"")))


@pytest.mark.parametrize("write", [stream, as_csv, as_parquet])
def test_a_mapping_says_what_columns_are(write: Any) -> None:
    table = pa.table({"key": [7], "y": [1], "took": [0.25], "when": ["2026-07-01 12:00:00"], "age": [39]})
    (decoded,) = decode(
        write(table),
        fields={"prediction_id": "key", "prediction": "y", "latency_ms": "took", "event_time": "when"},
        constants={"model": "churn"},
        latency_unit="s",
        time_zone="Europe/Berlin",
    )
    assert decoded.records == [
        WirePrediction(
            model="churn",
            prediction_id="7",
            prediction=1,
            latency_ms=250.0,
            event_time=datetime(2026, 7, 1, 10, tzinfo=UTC),
            features={"age": 39},
        )
    ]


@pytest.mark.parametrize("write", [stream, as_csv, as_parquet])
def test_units_and_zones_alone_leave_the_convention_as_it_is(write: Any) -> None:
    naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001 (files often have no zone)
    table = pa.table({"event_time": [naive], "latency_ms": [500.0], "feature_age": [39]})
    (decoded,) = decode(write(table), latency_unit="us", time_zone="Europe/Berlin", sampling_fraction=0.5)
    assert decoded.records == [
        WirePrediction(
            event_time=datetime(2026, 7, 1, 10, tzinfo=UTC),
            latency_ms=0.5,
            features={"age": 39},
            sampling_fraction=0.5,
        )
    ]


def test_rows_that_a_mapping_does_not_want_are_skipped() -> None:
    (decoded,) = decode(
        as_parquet(pa.table({"kind": ["p", "q"], "y": [1, 2]})), where={"kind": "p"}, fields={"prediction": "y"}
    )
    assert (len(decoded.records), decoded.skipped, decoded.places) == (1, 1, [0])


def test_a_csv_without_a_header_gets_its_names_from_the_mapping() -> None:
    names = ("prediction_id", "age", "prediction")
    (decoded,) = decode(b"007,39,late\n008,40,soon\n", columns=names)
    assert [(r.prediction_id, r.features, r.prediction) for r in decoded.records if isinstance(r, WirePrediction)] == [
        ("007", {"age": 39}, "late"),
        ("008", {"age": 40}, "soon"),
    ]
    (decoded,) = decode(b"prediction_id,age,prediction\n007,39,late\n", columns=names)
    assert len(decoded.records) == 1


def test_an_id_column_of_the_mapping_stays_text() -> None:
    (decoded,) = decode(b"key,y\n007,1\n", fields={"prediction_id": "key", "label": "y"})
    assert decoded.records == [WireLabel(prediction_id="007", label=1)]
