"""CSV and Parquet files: which column means what, and how types are told."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from collectors.formats import WHOLE_BODY, Log, find_format
from collectors.formats.reading import said
from collectors.formats.table_rows import CHUNK
from collectors.wire import WireLabel, WirePrediction, WireRecord
from monitor.records import Refusal

NAIVE = datetime(2026, 3, 4, 10)  # noqa: DTZ001 (files often have no zone)


def read_csv(text: str) -> tuple[list[WireRecord], list[Refusal]]:
    decoded = list(find_format("csv").decode(Log(text.encode())))
    return [r for part in decoded for r in part.records], [r for part in decoded for r in part.refusals]


def read_parquet(columns: dict[str, Any]) -> tuple[list[WireRecord], list[Refusal]]:
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    decoded = list(find_format("parquet").decode(Log(sink.getvalue().to_pybytes())))
    return [r for part in decoded for r in part.records], [r for part in decoded for r in part.refusals]


def test_reserved_columns_are_fields_and_all_others_are_features() -> None:
    records, refusals = read_csv(
        "model,version,prediction_id,event_time,prediction,score,label,latency_ms,status_code,error,"
        "age,feature_sex,features.hours,tags.region\n"
        "income,007,0012,2026-03-04T10:00:00,1,0.5,0,3.5,200,,39,f,40,eu\n"
    )
    assert not refusals
    assert records == [
        WirePrediction(
            model="income",
            version="007",
            prediction_id="0012",
            event_time=NAIVE,
            prediction=1,
            score=0.5,
            label=0,
            latency_ms=3.5,
            status_code=200,
            features={"age": 39, "sex": "f", "hours": 40},
            tags={"region": "eu"},
        )
    ]


def test_a_csv_column_has_one_type_told_from_all_its_values() -> None:
    records, _ = read_csv("prediction_id,zip,amount,vip\na,10115,1,true\nb,D-10,2.5,false\nc,,,\n")
    assert [r.features for r in records if isinstance(r, WirePrediction)] == [
        {"zip": "10115", "amount": 1.0, "vip": True},
        {"zip": "D-10", "amount": 2.5, "vip": False},
        {"zip": None, "amount": None, "vip": None},
    ]


def test_a_file_of_ids_and_labels_is_a_file_of_labels() -> None:
    assert read_csv("prediction_id,label\na,1\n")[0] == [WireLabel(prediction_id="a", label=1)]
    assert read_parquet({"prediction_id": ["a"], "label": ["x"], "model": ["m"]})[0] == [
        WireLabel(model="m", prediction_id="a", label="x")
    ]


def test_csv_rows_of_the_wrong_length_are_refused_alone() -> None:
    records, refusals = read_csv("prediction_id,a\np,1\nq\nr,3\ns,4,5\n")
    assert [record.prediction_id for record in records] == ["p", "r"]
    assert [(r.index, r.reason, r.payload) for r in refusals] == [
        (2, "the row has 1 values, the header 2", b"q"),
        (3, "the row has 3 values, the header 2", b"s,4,5"),
    ]


@pytest.mark.parametrize("text", ["", "\x00\x01"])
def test_what_is_no_csv_is_refused_whole(text: str) -> None:
    records, refusals = read_csv(text)
    assert not records
    assert [refusal.index for refusal in refusals] in ([WHOLE_BODY], [])


def test_a_csv_that_is_not_utf_8_is_refused_whole_with_the_place() -> None:
    (decoded,) = find_format("csv").decode(Log("name,n\ncafé,1\n".encode("latin-1")))
    (refused,) = decoded.refusals
    assert (refused.index, refused.reason) == (WHOLE_BODY, "the body is not readable CSV: not UTF-8 at byte 10")


def test_what_a_reader_says_is_quoted_short_and_printable() -> None:
    quoted = said(pa.ArrowInvalid("got 1: \x1b[31m\x00\ufffd" + "\x07" * 10_000))
    assert quoted.startswith(r"got 1: \x1b[31m\x00\ufffd\x07")
    assert quoted.isprintable()
    assert len(quoted) <= 201


def test_parquet_values_become_what_json_would_have() -> None:
    records, refusals = read_parquet(
        {
            "prediction_id": pa.array([1]),
            "event_time": pa.array([NAIVE], pa.timestamp("ns")),
            "status_code": pa.array([200.0]),
            "score": pa.array([float("nan")]),
            "price": pa.array([Decimal("1.50")]),
            "day": pa.array([date(2026, 3, 4)]),
            "city": pa.array(["Bonn"]).dictionary_encode(),
            "ratio": pa.array([float("nan")]),
        }
    )
    assert not refusals
    (record,) = records
    assert isinstance(record, WirePrediction)
    assert (record.prediction_id, record.status_code, record.score) == ("1", 200, None)
    assert record.event_time == NAIVE
    ratio = record.features.pop("ratio")
    assert isinstance(ratio, float)
    assert ratio != ratio
    assert record.features == {"price": 1.5, "day": "2026-03-04", "city": "Bonn"}


def test_nested_parquet_columns_are_refused_by_name() -> None:
    records, refusals = read_parquet({"prediction_id": ["a"], "vector": [[1.0, 2.0]]})
    assert not records
    assert refusals[0].reason.startswith("feature 'vector' is an array: [1.0, 2.0]")


def test_long_files_come_in_stretches_with_running_places() -> None:
    count = 2 * CHUNK + 1
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"prediction_id": [str(i) for i in range(count)]}), sink)
    parts = list(find_format("parquet").decode(Log(sink.getvalue().to_pybytes())))
    assert len(parts) > 1
    assert [place for part in parts for place in part.places] == list(range(count))
