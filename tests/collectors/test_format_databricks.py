"""Databricks inference tables: the three schemas, as JSON lines, as rows and as Arrow."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from collectors.formats import Decoded, Log, find_format
from collectors.formats.databricks import read_rows
from collectors.wire import WirePrediction
from monitor.config import NO_MAPPING, MappingSettings

AT = datetime(2026, 2, 14, 17, 25, 49, 500_000, tzinfo=UTC)
ASKED = json.dumps({"dataframe_records": [{"age": 39, "job": "clerk"}, {"age": 40, "job": None}]})
ANSWERED = json.dumps({"predictions": [0, 1]})

LEGACY: dict[str, Any] = {
    "client_request_id": None,
    "databricks_request_id": "d-1",
    "date": date(2026, 2, 14),
    "timestamp_ms": int(AT.timestamp() * 1000),
    "status_code": 200,
    "execution_time_ms": 12,
    "request": ASKED,
    "response": ANSWERED,
    "sampling_fraction": 0.5,
    "request_metadata": {"endpoint_name": "income", "model_name": "m.income", "model_version": "3"},
}
GATEWAY: dict[str, Any] = {
    "databricks_request_id": "d-1",
    "request_date": date(2026, 2, 14),
    "client_request_id": "c-1",
    "request_time": AT,
    "status_code": 200,
    "sampling_fraction": 0.5,
    "execution_duration_ms": 12,
    "request": ASKED,
    "response": ANSWERED,
    "logging_error_codes": [],
    "served_entity_id": "e-9",
    "requester": "someone@example.com",
}
UNITY: dict[str, Any] = {
    "event_time": AT,
    "invocation_id": "i-1",
    "status_code": 200,
    "latency_ms": 12,
    "request": ASKED,
    "response": ANSWERED,
    "logging_error_codes": None,
}


def decode(*rows: dict[str, Any], model: str | None = "income", path: str = "", **mapping: Any) -> Decoded:
    settings = MappingSettings(**mapping) if mapping else NO_MAPPING
    (part,) = read_rows(rows, Log(b"", model=model, path=path, mapping=settings))
    return part


def records(*rows: dict[str, Any], **known: Any) -> list[WirePrediction]:
    part = decode(*rows, **known)
    assert [refused.reason for refused in part.refusals] == []
    return [record for record in part.records if isinstance(record, WirePrediction)]


@pytest.mark.parametrize(
    ("row", "request_id", "version", "sampled"),
    [(LEGACY, "d-1", "3", 0.5), (GATEWAY, "c-1", "e-9", 0.5), (UNITY, "i-1", None, 1.0)],
)
def test_a_row_of_every_schema_is_a_record_per_row_of_its_body(
    row: dict[str, Any], request_id: str, version: str | None, sampled: float
) -> None:
    about: dict[str, Any] = {"model": "income", "version": version, "event_time": AT, "latency_ms": 12.0}
    about |= {"status_code": 200, "sampling_fraction": sampled}
    assert records(row) == [
        WirePrediction(prediction_id=request_id, features={"age": 39, "job": "clerk"}, prediction=0, **about),
        WirePrediction(prediction_id=f"{request_id}/1", features={"age": 40, "job": None}, prediction=1, **about),
    ]


def test_the_endpoint_is_the_model_where_none_is_named() -> None:
    assert {record.model for record in records(LEGACY, model=None)} == {"income"}


@pytest.mark.parametrize("path", ["main.logs.income_payload", "lake/main/logs/income_payload/part-0.parquet"])
def test_the_tables_name_is_the_model_where_nothing_else_is(path: str) -> None:
    assert {record.model for record in records(GATEWAY, model=None, path=path)} == {"income"}


def test_the_callers_own_id_wins() -> None:
    assert records(LEGACY | {"client_request_id": "order-7"})[0].prediction_id == "order-7"


def test_an_id_in_a_column_of_the_data_is_the_rows_own() -> None:
    asked = json.dumps({"dataframe_records": [{"age": 39, "order": 7}, {"age": 40, "order": 8}]})
    found = records(LEGACY | {"request": asked}, fields={"prediction_id": "order"})
    assert [(record.prediction_id, record.features) for record in found] == [("7", {"age": 39}), ("8", {"age": 40})]


@pytest.mark.parametrize("body", ["inputs", "instances"])
def test_other_bodies_are_read_too(body: str) -> None:
    asked = json.dumps({body: [[1, 2], [3, 4]]})
    assert records(LEGACY | {"request": asked}, columns=["a", "b"])[1].features == {"a": 3, "b": 4}


def test_a_failed_call_is_an_error_per_row_of_its_request() -> None:
    failed = {"status_code": 400, "response": '{"error_code": "BAD_REQUEST", "message": "wrong columns"}'}
    found = records(LEGACY | failed)
    assert [(r.prediction_id, r.status_code, r.error, r.prediction) for r in found] == [
        ("d-1", 400, "BAD_REQUEST: wrong columns", None),
        ("d-1/1", 400, "BAD_REQUEST: wrong columns", None),
    ]


@pytest.mark.parametrize("asked", [None, "", "{oops"])
def test_a_failed_call_whose_request_is_not_readable_still_counts(asked: str | None) -> None:
    (record,) = records(LEGACY | {"status_code": 500, "request": asked, "response": None})
    assert (record.status_code, record.error, record.features) == (500, "status 500", {})


def test_a_request_too_large_to_log_leaves_predictions_without_features() -> None:
    lost = {"request": None, "logging_error_codes": ["MAX_REQUEST_SIZE_EXCEEDED"]}
    found = records(GATEWAY | lost)
    assert [(record.features, record.prediction) for record in found] == [({}, 0), ({}, 1)]
    assert {record.tags["logging_error"] for record in found} == {"MAX_REQUEST_SIZE_EXCEEDED"}
    assert {record.error for record in found} == {None}


def test_a_response_that_was_cut_leaves_features_without_predictions() -> None:
    lost = {"response": '{"predictions": [0', "logging_error_codes": ["MAX_RESPONSE_SIZE_EXCEEDED"]}
    assert [(record.features["age"], record.prediction) for record in records(GATEWAY | lost)] == [
        (39, None),
        (40, None),
    ]


def test_a_call_of_which_neither_side_was_logged_is_one_prediction_with_its_latency() -> None:
    lost = {"request": None, "response": None, "logging_error_codes": ["MAX_REQUEST_SIZE_EXCEEDED"]}
    (record,) = records(GATEWAY | lost)
    assert (record.latency_ms, record.prediction_id) == (12.0, "c-1")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (LEGACY | {"response": '{"predictions": [0]}'}, "the request has 2 rows, the answer 1"),
        (LEGACY | {"request": "{oops"}, "the body is not JSON"),
        (LEGACY | {"request": 3}, "request is 3; accepted: a text of JSON"),
        (LEGACY | {"request": None, "response": None}, "no request and no response"),
        (LEGACY | {"timestamp_ms": "noon"}, "timestamp_ms 'noon' is not readable"),
        (LEGACY | {"sampling_fraction": 0}, "sampling_fraction"),
        ({"a": 1}, "columns 'a' are no inference table's"),
    ],
)
def test_a_row_that_is_not_usable_is_refused_and_the_next_is_read(row: dict[str, Any], reason: str) -> None:
    part = decode(row, LEGACY)
    assert reason in part.refusals[0].reason
    assert len(part.records) == 2


def as_lines(row: dict[str, Any]) -> bytes:
    return json.dumps(row, default=str).encode() + b"\n"


def as_arrow(row: dict[str, Any]) -> bytes:
    table = pa.Table.from_pylist([row])
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def as_parquet(row: dict[str, Any]) -> bytes:
    schema = pa.schema([("databricks_request_id", pa.string()), ("timestamp_ms", pa.int64()), ("request", pa.string())])
    about = pa.field("request_metadata", pa.map_(pa.string(), pa.string()))
    table = pa.Table.from_pylist([row | {"request_metadata": [*row["request_metadata"].items()]}], schema.append(about))
    sink = BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


@pytest.mark.parametrize("write", [as_lines, as_arrow, as_parquet])
def test_rows_come_as_lines_as_arrow_or_as_parquet(write: Any) -> None:
    (part,) = find_format("databricks").decode(Log(write(LEGACY)))
    assert [record.prediction_id for record in part.records] == ["d-1", "d-1/1"]  # type: ignore[union-attr]
    assert {record.model for record in part.records} == {"income"}
    assert {record.event_time for record in part.records} == {AT}  # type: ignore[union-attr]


@pytest.mark.parametrize("write", [as_lines, as_arrow])
@pytest.mark.parametrize("row", [LEGACY, GATEWAY, UNITY])
def test_every_schema_is_recognised(write: Any, row: dict[str, Any]) -> None:
    assert find_format("databricks").sniff(Log(write(row)))


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_damaged_arrow_stream_is_refused_or_read(place: int, value: int) -> None:
    body = bytearray(as_arrow(LEGACY))
    body[place % len(body)] = value
    for part in find_format("databricks").decode(Log(bytes(body))):
        assert all(refused.reason for refused in part.refusals)


def test_a_cut_off_arrow_stream_gives_what_came_before_and_says_so() -> None:
    body = as_arrow(LEGACY)
    (part,) = find_format("databricks").decode(Log(body[: len(body) // 2]))
    assert "the table is not readable" in part.refusals[0].reason
