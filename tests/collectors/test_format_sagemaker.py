"""SageMaker data capture and ground truth, laid out as its developer guide shows them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format
from collectors.wire import WireLabel, WirePrediction
from monitor.config import NO_MAPPING, MappingSettings
from monitor.lake import Kind

CAPTURED_AT = datetime(2022, 2, 14, 17, 25, 49, tzinfo=UTC)
PATH = "s3/churn/AllTraffic/2022/02/14/17/25-49-123-uuid.jsonl"
AS_DOCUMENTED = (
    b'{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"69,0,153.7\\n",'
    b'"encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT",'
    b'"data":"0.0254181120544672","encoding":"CSV"}},"eventMetadata":{"eventId":"aaaaaaaa-bbbb","inferenceTime":'
    b'"2022-02-14T17:25:49Z"},"eventVersion":"0"}'
)


def payload(data: str, encoding: str = "CSV", content_type: str | None = "text/csv") -> dict[str, Any]:
    return {"observedContentType": content_type, "mode": "INPUT", "data": data, "encoding": encoding}


def line(asked: dict[str, Any] | None, answered: dict[str, Any] | None, **event: str) -> bytes:
    sides = {"endpointInput": asked, "endpointOutput": answered}
    sent = {
        "captureData": {name: side for name, side in sides.items() if side},
        "eventMetadata": {"eventId": "e-1", "inferenceTime": "2022-02-14T17:25:49Z"} | event,
        "eventVersion": "0",
    }
    return json.dumps(sent).encode() + b"\n"


def truth(data: Any, event_id: str = "e-1", encoding: str = "CSV") -> bytes:
    sent = {
        "groundTruthData": {"data": data, "encoding": encoding},
        "eventMetadata": {"eventId": event_id},
        "eventVersion": "0",
    }
    return json.dumps(sent).encode() + b"\n"


def decode(body: bytes, path: str = PATH, model: str | None = None, **mapping: Any) -> list[Decoded]:
    settings = MappingSettings(**mapping) if mapping else NO_MAPPING
    return list(find_format("sagemaker").decode(Log(body, path=path, model=model, mapping=settings)))


def predictions(body: bytes, **known: Any) -> list[WirePrediction]:
    parts = decode(body, **known)
    assert [refused.reason for part in parts for refused in part.refusals] == []
    return [record for part in parts for record in part.records if isinstance(record, WirePrediction)]


def labels(body: bytes, **known: Any) -> list[WireLabel]:
    return [record for part in decode(body, **known) for record in part.records if isinstance(record, WireLabel)]


def test_a_line_as_documented_is_one_prediction_of_its_endpoint() -> None:
    assert predictions(AS_DOCUMENTED) == [
        WirePrediction(
            model="churn",
            version="AllTraffic",
            prediction_id="aaaaaaaa-bbbb",
            event_time=CAPTURED_AT,
            features={"x0": 69, "x1": 0, "x2": 153.7},
            prediction=0.0254181120544672,
        )
    ]


def test_the_mapping_names_the_columns_and_makes_the_score_one() -> None:
    (record,) = predictions(AS_DOCUMENTED, columns=["day", "plan", "minutes"], positive="1")
    assert record.features == {"day": 69, "plan": 0, "minutes": 153.7}
    assert (record.prediction, record.score) == ("0", 0.0254181120544672)


def test_a_model_named_by_the_source_wins_over_the_path() -> None:
    (record,) = predictions(AS_DOCUMENTED, model="churn-prod")
    assert (record.model, record.version) == ("churn-prod", "AllTraffic")


def test_lines_of_csv_are_rows_with_numbered_ids() -> None:
    records = predictions(line(payload("1,2\n3,4\n5,6\n"), payload("0.1\n0.2\n0.3\n")))
    assert [record.prediction_id for record in records] == ["e-1", "e-1/1", "e-1/2"]
    assert [record.features["x1"] for record in records] == [2, 4, 6]
    assert [record.prediction for record in records] == [0.1, 0.2, 0.3]


def test_one_line_of_output_may_hold_the_answers_to_several_rows() -> None:
    records = predictions(line(payload("1,2\n3,4"), payload("0.1,0.2")))
    assert [record.prediction for record in records] == [0.1, 0.2]


def test_json_bodies_are_read_in_any_layout() -> None:
    asked = payload('{"instances": [{"age": 39}, {"age": 40}]}', "JSON", "application/json")
    records = predictions(line(asked, payload('{"predictions": ["a", "b"]}', "JSON", "application/json")))
    assert [(record.features, record.prediction) for record in records] == [({"age": 39}, "a"), ({"age": 40}, "b")]


@pytest.mark.parametrize("content_type", ["text/csv", "application/octet-stream", None])
def test_base64_is_the_default_encoding_and_is_read(content_type: str | None) -> None:
    def encoded(text: str) -> dict[str, Any]:
        return payload(base64.b64encode(text.encode()).decode(), "BASE64", content_type)

    (record,) = predictions(line(encoded("1,2"), encoded("0.5")))
    assert (record.features, record.prediction) == ({"x0": 1, "x1": 2}, 0.5)


def test_the_callers_inference_id_is_the_prediction_id() -> None:
    (record,) = predictions(line(payload("1"), payload("2"), inferenceId="order-7"))
    assert record.prediction_id == "order-7"


def test_an_endpoint_that_captures_inputs_only_has_predictions_without_an_answer() -> None:
    (record,) = predictions(line(payload("1,2"), None))
    assert (record.features, record.prediction, record.error) == ({"x0": 1, "x1": 2}, None, None)


def test_an_endpoint_that_captures_outputs_only_has_predictions_without_features() -> None:
    records = predictions(line(None, payload("0.5\n0.6")))
    assert [(record.features, record.prediction) for record in records] == [({}, 0.5), ({}, 0.6)]


def test_the_share_that_is_captured_is_the_mappings() -> None:
    (record,) = predictions(AS_DOCUMENTED, sampling_fraction=0.2)
    assert record.sampling_fraction == 0.2


def test_a_time_with_milliseconds_is_read() -> None:
    (record,) = predictions(line(payload("1"), payload("2"), inferenceTime="2022-02-14T17:25:49.250Z"))
    assert record.event_time == CAPTURED_AT.replace(microsecond=250_000)


def test_ground_truth_is_labels_of_the_hour_in_its_path() -> None:
    (label,) = labels(truth("1"), path="truth/churn/2022/02/15/09/labels.jsonl", model="churn")
    assert label == WireLabel(
        model="churn", prediction_id="e-1", label=1, label_time=datetime(2022, 2, 15, 9, tzinfo=UTC)
    )


def test_ground_truth_of_several_rows_joins_them_one_by_one() -> None:
    assert [(label.prediction_id, label.label) for label in labels(truth("yes\nno"))] == [
        ("e-1", "yes"),
        ("e-1/1", "no"),
    ]
    assert [label.label for label in labels(truth("[1, 0]", encoding="JSON"))] == [1, 0]


def test_ground_truth_in_an_object_is_found_by_the_mapping() -> None:
    sent = truth('{"outcome": {"churned": true}, "by": "billing"}', encoding="JSON")
    assert labels(sent, fields={"label": "outcome.churned"})[0].label is True


def test_captures_and_ground_truth_may_stand_in_one_body_of_either_kind() -> None:
    log = Log(AS_DOCUMENTED + b"\n" + truth("1"), Kind.LABELS, path=PATH)
    parts = list(find_format("sagemaker").decode(log))
    assert [[type(record) for record in part.records] for part in parts] == [[WirePrediction], [WireLabel]]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (line(payload("1\n2\n3"), payload("0.1\n0.2")), "the request has 3 rows, the answer 2"),
        (line(payload("%%%", "BASE64"), None), "data '%%%' is not base64"),
        (line(payload("{", "JSON", "application/json"), None), "the body is not JSON"),
        (line(None, None), "no endpointInput and no endpointOutput"),
        (line(payload("1"), None, eventId="", inferenceTime="x"), "no eventId and no inferenceId"),
        (line(payload("1"), None, inferenceTime="noon"), "inferenceTime 'noon' is not readable"),
        (b'{"eventMetadata": {"eventId": "a"}}', "no captureData and no groundTruthData"),
        (b'{"eventMetadata": 3, "captureData": {}}', "got `int`"),
        (b"{oops", "not JSON"),
        (truth("[[1, 2]]", encoding="JSON"), "the label is [1, 2]"),
    ],
)
def test_a_line_that_is_not_usable_is_refused_and_the_next_is_read(body: bytes, reason: str) -> None:
    parts = decode(body.rstrip() + b"\n" + AS_DOCUMENTED)
    assert [refused.index for part in parts for refused in part.refusals] == [0]
    assert reason in parts[0].refusals[0].reason
    assert [len(part.records) for part in parts] == [1]


def test_it_recognises_captures_and_ground_truth() -> None:
    log_format = find_format("sagemaker")
    assert log_format.sniff(Log(AS_DOCUMENTED))
    assert log_format.sniff(Log(truth("1")))
    assert not log_format.sniff(Log(b'{"captureData": {}}'))
