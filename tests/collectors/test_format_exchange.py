"""Exchanges: what MLServer, KServe, MLflow, LitServe and FastAPI were recorded to ask and answer."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.formats import Decoded, Log, sniff_format
from collectors.formats.exchange import Exchange
from collectors.wire import WirePrediction
from monitor.config import NO_MAPPING, MappingSettings
from monitor.records import Refusal

RECORDINGS = Path(__file__).parent.parent / "recordings"


def decode(log: Log) -> Decoded:
    whole = Decoded(places=[])
    for part in Exchange().decode(log):
        whole.records += part.records
        whole.refusals += part.refusals
        whole.skipped += part.skipped
    return whole


def recorded(name: str, mapping: MappingSettings = NO_MAPPING) -> list[WirePrediction]:
    log = Log((RECORDINGS / name).read_bytes(), mapping=mapping)
    assert sniff_format(log) is not None
    assert sniff_format(log).name == "exchange"  # type: ignore[union-attr]
    decoded = decode(log)
    assert decoded.refusals == []
    return [record for record in decoded.records if isinstance(record, WirePrediction)]


def outcomes(records: list[WirePrediction]) -> Counter[int | None]:
    return Counter(record.status_code for record in records)


def one(line: Any, **log: Any) -> list[WirePrediction]:
    decoded = decode(Log(json.dumps(line).encode(), **log))
    assert decoded.refusals == []
    return [record for record in decoded.records if isinstance(record, WirePrediction)]


def refused(line: Any) -> Refusal:
    (refusal,) = decode(Log(json.dumps(line).encode())).refusals
    return refusal


def exchange(request: Any = None, answer: Any = None, status: int = 200, path: str = "/predict", **more: Any) -> Any:
    return {
        "time": "2026-03-04T10:00:00Z",
        "elapsed_ms": 250,
        "request": {"method": "POST", "path": path, "body": request},
        "response": {"status": status, "body": answer},
        **more,
    }


def test_kserve_v1_and_v2() -> None:
    records = recorded("kserve/exchanges.jsonl", MappingSettings(classes=("DOWN", "UP"), positive="UP"))
    assert outcomes(records) == {200: 19, 400: 3, 500: 3, 422: 1, None: 1}
    first = records[0]
    assert first.model == "electricity"
    assert first.prediction_id == "elec-12000"  # x-request-id: V1 has no id of its own
    assert first.event_time == datetime(2026, 11, 20, 3, 54, 29, 608096, UTC)  # when it was answered
    assert first.latency_ms == pytest.approx(6.142)
    assert list(first.features.values()) == [7.0, 0.0, 0.055242, 0.202767, 0.003467, 0.422915, 0.414912]
    assert first.prediction == 0
    v2 = next(record for record in records if record.score is not None)
    assert (v2.prediction_id, v2.prediction, v2.scores) == (
        "elec-12000",
        0,
        pytest.approx({"DOWN": 0.9351281821, "UP": 0.0648718178}),
    )
    assert v2.score == pytest.approx(0.0648718178)
    assert [r.model for r in records if isinstance(r.prediction, float)] == ["bike"]  # from a path with :predict
    errors = {record.error for record in records if record.error}
    assert "KeyError : 'period'" in errors
    assert "ReadError('[Errno 104] Connection reset by peer')" in errors
    assert all(record.prediction is None for record in records if record.error)


def test_mlserver_over_rest() -> None:
    records = recorded("mlserver/exchanges.jsonl")
    assert outcomes(records) == {200: 22, 500: 6, None: 3, 422: 4, 400: 1}  # one call of three rows failed
    assert [r.prediction_id for r in records if str(r.prediction_id).startswith("bank-batch")] == [
        "bank-batch-30000",
        *(f"bank-batch-30000/{n}" for n in range(1, 5)),
    ]
    bank = next(record for record in records if record.model == "bank")
    assert (bank.version, bank.prediction, bank.features["job"], len(bank.features)) == ("v3", "yes", "blue-collar", 19)
    assert bank.score is not None
    batch = next(record for record in records if record.prediction_id == "3a537b51-b11f-4054-81ee-762e3b3bc9b1/9")
    assert batch.features["features_6"] == 0.414912  # sent flat, row-major


def test_mlserver_over_grpc() -> None:
    records = recorded("mlserver/grpc_exchanges.jsonl")
    assert [record.prediction_id for record in records] == [f"grpc-{n}" for n in range(12000, 12005)]
    first = records[0]
    assert (first.model, first.version, first.prediction) == ("electricity", "v1.0.0", 0)
    assert first.features["features_2"] == pytest.approx(0.055242)
    assert first.score == pytest.approx(0.0648718178)


def test_mlflow_reads_its_bodies_and_its_errors() -> None:
    records = recorded("mlflow/bank_exchanges.jsonl")
    assert outcomes(records) == {200: 22, 400: 6, 415: 1}
    assert {len(record.features) for record in records if record.status_code == 200} == {19, 20}
    assert {record.prediction for record in records if record.status_code == 200} == {"yes", "no"}
    messages = [record.error or "" for record in records if record.error]
    assert any(text.startswith("INVALID_PARAMETER_VALUE: Failed to predict data") for text in messages)
    assert max(map(len, messages)) <= 500
    assert all(record.prediction_id is None for record in records)  # MLflow has no ids at all


def test_mlflow_with_one_column_per_class() -> None:
    records = recorded("mlflow/aqi_exchanges.jsonl")
    first = records[0]
    assert first.prediction == "unhealthy"
    assert first.scores is not None
    assert list(first.scores) == ["good", "hazardous", "moderate", "sensitive", "unhealthy", "very_unhealthy"]
    assert sum(first.scores.values()) == pytest.approx(1)
    assert len([record for record in records if record.prediction]) == 12


def test_litserve_with_a_label_and_scores() -> None:
    records = recorded("litserve/exchanges.jsonl")
    assert outcomes(records) == {200: 3, 500: 5}
    first = records[0]
    assert (first.prediction_id, first.prediction, first.features["DEWP"]) == ("aqi-9000", "unhealthy", -4.0)
    assert max(first.scores or {}, key=(first.scores or {}).__getitem__) == "unhealthy"


def test_fastapi_with_its_feedback() -> None:
    records = recorded("fastapi/exchanges.jsonl")
    labels = [record for record in records if record.label is not None]
    assert [(r.prediction_id, r.label) for r in labels] == [
        ("f5163ede-e113-4da2-a2bb-99f21e979000", 72.0),
        ("bike-9001", labels[1].label),
        ("f5163ede-e113-4da2-a2bb-99f21e979000", 999.0),
        ("unknown-id", 1.0),
    ]
    assert labels[0].label_time == datetime(2012, 1, 15, 21, tzinfo=UTC)
    assert labels[3].label_time == datetime(2026, 11, 20, 3, 57, 57, 114384, UTC)  # else when it was sent
    predictions = [record for record in records if record.label is None]
    assert outcomes(predictions) == {200: 5, 422: 5, 503: 1}
    assert (predictions[0].prediction_id, predictions[0].version) == ("f5163ede-e113-4da2-a2bb-99f21e979000", "2011-09")
    assert predictions[0].prediction == pytest.approx(32.713, abs=0.001)
    assert predictions[6].error == "body.temp: Field required"


def test_a_call_of_three_rows_is_three_predictions() -> None:
    records = one(exchange({"id": "a", "dataframe_records": [{"x": n} for n in range(3)]}, {"predictions": [1, 2, 3]}))
    assert [(r.features["x"], r.prediction) for r in records] == [(0, 1), (1, 2), (2, 3)]


def test_callers_may_put_ids_into_a_column() -> None:
    line = exchange({"instances": [{"order": "o-1", "x": 1}, {"order": "o-2", "x": 2}]}, {"predictions": [0, 1]})
    records = one(line, mapping=MappingSettings(fields={"prediction_id": "order"}))
    assert [(r.prediction_id, r.features) for r in records] == [("o-1", {"x": 1}), ("o-2", {"x": 2})]


def test_the_body_may_be_text_json_or_base64() -> None:
    sent = {"x": 1}
    for request in ({"body": sent}, {"body": '{"x": 1}'}, {"body_base64": base64.b64encode(b'{"x": 1}').decode()}):
        line = exchange(answer=2)
        line["request"] = {"method": "POST", "path": "/predict", **request}
        assert [(r.features, r.prediction) for r in one(line)] == [({"x": 1}, 2)]


def test_a_binary_tensor_needs_its_header() -> None:
    head = b'{"inputs":[{"name":"f","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}'
    request = {
        "method": "POST",
        "path": "/v2/models/iris/infer",
        "headers": {"Inference-Header-Content-Length": str(len(head))},
        "body_base64": base64.b64encode(head + b"\x00\x00\x80\x3f").decode(),
    }
    line = {"request": request, "response": {"status": 200, "body": {"predictions": [1]}}}
    assert [(r.model, r.features) for r in one(line)] == [("iris", {"f": 1.0})]
    request["headers"] = {}
    assert "binary tensors can't be found without Inference-Header-Content-Length" in refused(line).reason


def test_the_time_of_the_answer_is_the_time_of_the_event() -> None:
    (record,) = one(exchange({"x": 1}, 2))
    assert record.event_time == datetime(2026, 3, 4, 10, tzinfo=UTC) + timedelta(milliseconds=250)
    berlin = MappingSettings(time_zone="Europe/Berlin", sampling_fraction=0.1)
    (local,) = one(exchange({"x": 1}, 2, time="2026-03-04T11:00:00"), mapping=berlin)
    assert local.event_time == record.event_time
    assert local.sampling_fraction == 0.1
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    (timeless,) = one({"request": {"path": "/p", "body": {"x": 1}}, "response": {"body": 2}}, at=noon)
    assert (timeless.event_time, timeless.latency_ms, timeless.status_code) == (noon, None, None)


@pytest.mark.parametrize("status", [404, 405])
def test_what_no_model_answered_is_skipped(status: int) -> None:
    decoded = decode(Log(json.dumps(exchange({}, {"detail": "Not Found"}, status)).encode()))
    assert (decoded.records, decoded.skipped) == ([], 1)


def test_a_failed_call_counts_whatever_was_asked() -> None:
    (record,) = one(exchange('{"cut off', {"error": "bad JSON"}, 400))
    assert (record.status_code, record.error, record.features) == (400, "bad JSON", {})
    (reset,) = one({"time": 1772618400, "request": {"method": "POST", "path": "/predict"}, "error": "reset"})
    assert (reset.error, reset.status_code) == ("reset", None)


def test_a_grpc_call_that_failed_is_an_error_and_an_unknown_model_is_skipped() -> None:
    tensor = {"name": "f", "shape": ["1"], "datatype": "INT64", "contents": {"int64_contents": ["7"]}}
    request = {"model_name": "iris", "id": "g-1", "inputs": [tensor]}
    (record,) = one({"request": request, "error": "[StatusCode.INTERNAL] boom"})
    assert (record.model, record.prediction_id, record.features) == ("iris", "g-1", {"f": 7})
    assert record.error == "[StatusCode.INTERNAL] boom"
    assert one({"request": request, "error": "[StatusCode.NOT_FOUND] Model iris not found"}) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"request": 1, "response": {}}, "request is 1; accepted: an object with method, path, headers and body"),
        (exchange([1, 2], [1, 2, 3]), "the request has 1 rows, the answer 3"),
        (exchange({"x": 1}, 2, elapsed_ms=-1), "elapsed_ms -1 is no latency; accepted: milliseconds from 0 on"),
        (exchange({"x": 1}, 2, 20), "status 20 is no HTTP status; accepted: 100 to 599"),
        (exchange({"x": 1}, 2, time="soon"), "time 'soon' is not readable"),
        (
            exchange({"id": "a"}, None, path="/feedback"),
            "feedback has the keys ['id']; accepted: prediction_id with one",
        ),
        (exchange({"x": 1}, {"a": 1, "b": 2}), "the answer has the keys a, b; accepted: mapping.fields.prediction"),
    ],
)
def test_an_unusable_line_is_refused_with_the_reason(line: Any, said: str) -> None:
    assert said in refused(line).reason


def test_one_bad_line_does_not_lose_the_others() -> None:
    good = json.dumps(exchange({"x": 1}, 2)).encode()
    decoded = decode(Log(good + b"\n{\n\n" + good))
    assert (len(decoded.records), [r.index for r in decoded.refusals]) == (2, [1])
