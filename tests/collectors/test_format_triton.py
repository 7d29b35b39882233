"""Triton's trace file, laid out as its user guide shows it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format
from collectors.wire import WirePrediction
from monitor.config import NO_MAPPING, MappingSettings

AT = datetime(2026, 2, 14, 17, 25, 49, tzinfo=UTC)
BOOT = 2_356_425_054_587_444


def stamps(number: int, start_ms: float, end_ms: float) -> list[dict[str, Any]]:
    named = {"HTTP_RECV_START": start_ms - 1, "REQUEST_START": start_ms, "REQUEST_END": end_ms}
    return [{"id": number, "timestamps": [{"name": k, "ns": BOOT + int(v * 1e6)}]} for k, v in named.items()]


def tensor(number: int, activity: str, name: str, data: str, shape: str, dtype: str = "FP32") -> dict[str, Any]:
    activity = {"in": "TENSOR_QUEUE_INPUT", "out": "TENSOR_BACKEND_OUTPUT"}.get(activity, activity)
    return {"id": number, "activity": activity, "tensor": {"name": name, "data": data, "shape": shape, "dtype": dtype}}


def trace(number: int = 1, **about: Any) -> dict[str, Any]:
    return {"id": number, "model_name": "income", "model_version": 3, "request_id": "", "parent_id": 0} | about


def decode(*elements: Any, model: str | None = None, at: datetime | None = AT, **mapping: Any) -> list[Decoded]:
    body = elements[0] if isinstance(elements[0], bytes) else json.dumps(elements).encode()
    settings = MappingSettings(**mapping) if mapping else NO_MAPPING
    return list(find_format("triton").decode(Log(body, model=model, at=at, mapping=settings)))


def records(*elements: Any, **known: Any) -> list[WirePrediction]:
    parts = decode(*elements, **known)
    assert [refused.reason for part in parts for refused in part.refusals] == []
    return [record for part in parts for record in part.records if isinstance(record, WirePrediction)]


def reason(*elements: Any) -> str:
    ((refused,),) = [part.refusals for part in decode(*elements)]
    return refused.reason


def test_a_trace_with_tensors_is_a_prediction_per_row_with_its_latency() -> None:
    found = records(
        trace(request_id="r-1"),
        *stamps(1, 10, 12.5),
        tensor(1, "in", "x", "39,0.5,40,0.25", "2,2"),
        tensor(1, "TENSOR_BACKEND_INPUT", "x", "39,0.5,40,0.25", "2,2"),
        tensor(1, "out", "y", "1,0", "2,1", "INT64"),
    )
    about: dict[str, Any] = {"model": "income", "version": "3", "latency_ms": 2.5, "event_time": AT}
    assert found == [
        WirePrediction(prediction_id="r-1", features={"x_0": 39.0, "x_1": 0.5}, prediction=1, **about),
        WirePrediction(prediction_id="r-1/1", features={"x_0": 40.0, "x_1": 0.25}, prediction=0, **about),
    ]


def test_times_count_back_from_the_last_stamp_which_is_the_files_time() -> None:
    found = records(trace(1), *stamps(1, 0, 1000), trace(2), *stamps(2, 1500, 3000))
    assert [record.event_time for record in found] == [AT - timedelta(seconds=2), AT]


def test_without_a_time_of_the_file_there_is_no_event_time() -> None:
    assert records(trace(), *stamps(1, 0, 1), at=None)[0].event_time is None


def test_traces_of_time_stamps_alone_are_predictions_of_which_only_the_latency_is_known() -> None:
    (record,) = records(trace(), *stamps(1, 0, 4))
    assert (record.latency_ms, record.features, record.prediction, record.error) == (4.0, {}, None, None)


def test_a_request_without_an_id_has_one_of_its_number_and_start() -> None:
    assert records(trace(), *stamps(1, 0, 4))[0].prediction_id == f"trace-1-{BOOT}"


def test_elements_of_traces_may_be_mixed() -> None:
    found = records(
        trace(1, request_id="a"),
        trace(2, request_id="b", model_name="price"),
        tensor(2, "out", "y", "2", "1,1"),
        *stamps(1, 0, 1),
        tensor(1, "out", "y", "1", "1,1"),
        *stamps(2, 0, 2),
    )
    assert [(record.prediction_id, record.model, record.prediction, record.latency_ms) for record in found] == [
        ("a", "income", 1.0, 1.0),
        ("b", "price", 2.0, 2.0),
    ]


def test_the_models_of_an_ensemble_are_predictions_of_their_own() -> None:
    found = records(trace(1, model_name="all"), trace(2, model_name="first", parent_id=1))
    assert [record.model for record in found] == ["all", "first"]


def test_a_model_that_does_not_batch_has_one_row() -> None:
    (record,) = records(trace(), tensor(1, "in", "x", "1,2,3", "3"), tensor(1, "out", "p", "0.25,0.75", "2"))
    assert record.features == {"x_0": 1.0, "x_1": 2.0, "x_2": 3.0}
    assert record.score == 0.75


@pytest.mark.parametrize(
    ("dtype", "data", "values"),
    [
        ("INT32", "-1,2", [-1, 2]),
        ("BOOL", "1,0", [True, False]),
        ("BOOL", "true,false", [True, False]),
        ("BYTES", '"a,b","c"', ["a,b", "c"]),
        ("FP16", "0.5,1.5", [0.5, 1.5]),
    ],
)
def test_every_type_of_value_is_read(dtype: str, data: str, values: list[Any]) -> None:
    found = records(trace(), tensor(1, "in", "x", data, "2,1", dtype))
    assert [record.features["x"] for record in found] == values


def test_the_mapping_names_columns_and_the_share_that_is_traced() -> None:
    (record,) = records(
        trace(), tensor(1, "in", "x", "39,0.5", "1,2"), columns=["age", "share"], sampling_fraction=0.001
    )
    assert (record.features, record.sampling_fraction) == ({"age": 39.0, "share": 0.5}, 0.001)


def test_a_file_that_is_still_written_is_read_as_far_as_it_goes() -> None:
    body = json.dumps([trace(), *stamps(1, 0, 1)]).encode()[:-1] + b","
    assert records(body)[0].latency_ms == 1.0


def test_what_was_added_to_a_file_since_the_last_look_is_read() -> None:
    added = b"," + json.dumps([trace(2), *stamps(2, 0, 2)]).encode()[1:]
    for body in (added, added.removesuffix(b"]")):
        assert records(body)[0].latency_ms == 2.0
    assert records(b"]") == []


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([{"id": 7, "timestamps": [{"name": "REQUEST_START", "ns": 1}]}], "trace 7 names no model"),
        ([trace(), tensor(1, "in", "x", "1,2", "1,3")], "needs 3 values, it has 2"),
        ([trace(), tensor(1, "in", "x", "a", "1,1")], "tensor 'x' is not readable"),
        ([trace(), tensor(1, "in", "x", "1", "one")], "tensor 'x' is not readable"),
        ([trace(), *stamps(1, 3, 1), tensor(1, "out", "x", "1,2", "2,1"), tensor(1, "in", "x", "1", "1,1")], "1 rows"),
        ([3], "an element is none of a trace"),
        (["\ud800"], "an element is none of a trace"),
        ([{"id": "one"}], "an element is none of a trace"),
    ],
)
def test_a_trace_that_is_not_usable_is_refused_with_the_reason(elements: list[Any], expected: str) -> None:
    assert expected in reason(*elements)


def test_a_refused_trace_is_kept_as_a_trace_file_of_its_own() -> None:
    elements = [trace(request_id="r-1"), *stamps(1, 0, 2), tensor(1, "in", "x", "39,0.5", "1,2")]
    (part,) = decode(*elements, columns=["age"])
    assert "mapping.columns names 1" in part.refusals[0].reason
    (record,) = records(part.refusals[0].payload, columns=["age", "share"])
    assert (record.prediction_id, record.features, record.latency_ms) == ("r-1", {"age": 39.0, "share": 0.5}, 2.0)


@pytest.mark.parametrize(
    ("body", "expected"), [(b"[{", "not JSON"), (b"\xff", "not UTF-8 at byte 1"), (b"[" * 100_000, "recursion")]
)
def test_a_body_that_is_no_trace_file_is_refused_whole(body: bytes, expected: str) -> None:
    assert expected in reason(body)


def test_only_trace_files_are_recognised() -> None:
    log_format = find_format("triton")
    assert log_format.sniff(Log(json.dumps([trace()]).encode()))
    assert log_format.sniff(Log(json.dumps(stamps(1, 0, 1)).encode()))
    answer = {"id": "1", "model_name": "m", "model_version": "1", "outputs": []}
    assert not log_format.sniff(Log(json.dumps([answer]).encode()))
    assert not log_format.sniff(Log(json.dumps(trace()).encode()))
