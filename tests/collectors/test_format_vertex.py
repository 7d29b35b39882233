"""Rows of Vertex AI's request-response table, and of AI Platform's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format
from collectors.formats.vertex import read_rows
from collectors.wire import WirePrediction
from monitor.config import NO_MAPPING, MappingSettings

AT = datetime(2026, 2, 14, 17, 25, 49, 500_000, tzinfo=UTC)
VERTEX: dict[str, Any] = {
    "endpoint": "projects/p/locations/l/endpoints/income",
    "deployed_model_id": "417",
    "logging_time": "2026-02-14 17:25:49.500000 UTC",
    "request_id": "1234567890123456789",
    "request_payload": ['{"age": 39}', '{"age": 40}'],
    "response_payload": ["[0.75, 0.25]", "[0.5, 0.5]"],
}
AI_PLATFORM: dict[str, Any] = {
    "model": "income",
    "model_version": "v3",
    "time": "2026-02-14T17:25:49.5Z",
    "raw_data": '{"instances": [[39, 0.5]]}',
    "raw_prediction": '{"predictions": [1]}',
    "groundtruth": None,
}


def decode(*rows: dict[str, Any], model: str | None = None, **mapping: Any) -> Decoded:
    settings = MappingSettings(**mapping) if mapping else NO_MAPPING
    (part,) = read_rows(rows, Log(b"", model=model, mapping=settings))
    return part


def records(*rows: dict[str, Any], **known: Any) -> list[WirePrediction]:
    part = decode(*rows, **known)
    assert [refused.reason for refused in part.refusals] == []
    return [record for record in part.records if isinstance(record, WirePrediction)]


def test_every_instance_of_a_row_is_a_prediction() -> None:
    found = records(VERTEX, classes=["low", "high"])
    assert found == [
        WirePrediction(
            model="income",
            version="417",
            prediction_id="1234567890123456789",
            event_time=AT,
            features={"age": 39},
            prediction="low",
            score=0.25,
            scores={"low": 0.75, "high": 0.25},
        ),
        WirePrediction(
            model="income",
            version="417",
            prediction_id="1234567890123456789/1",
            event_time=AT,
            features={"age": 40},
            prediction="low",
            score=0.5,
            scores={"low": 0.5, "high": 0.5},
        ),
    ]


def test_a_payload_may_be_a_whole_body() -> None:
    whole = {"request_payload": ['{"instances": [[1, 2]]}'], "response_payload": ['{"predictions": ["a"]}']}
    (record,) = records(VERTEX | whole, columns=["a", "b"])
    assert (record.features, record.prediction) == ({"a": 1, "b": 2}, "a")


def test_text_that_is_no_json_is_the_value_itself() -> None:
    (record,) = records(VERTEX | {"request_payload": ['{"age": 39}'], "response_payload": ["late"]})
    assert record.prediction == "late"


def test_a_table_reads_ids_and_times_as_numbers_and_moments() -> None:
    found = records(VERTEX | {"request_id": Decimal("1234567890123456789"), "logging_time": AT})
    assert (found[0].prediction_id, found[0].event_time) == ("1234567890123456789", AT)


@pytest.mark.parametrize("missing", [None, []])
def test_a_request_without_a_logged_answer_is_a_prediction_without_one(missing: Any) -> None:
    found = records(VERTEX | {"response_payload": missing})
    assert [(record.features["age"], record.prediction) for record in found] == [(39, None), (40, None)]


def test_a_logged_error_is_the_predictions_error() -> None:
    found = records(VERTEX | {"response_payload": ['{"error": "bad input"}']})
    assert {record.error for record in found} == {"bad input"}


def test_the_share_that_is_logged_is_the_mappings() -> None:
    assert records(VERTEX, sampling_fraction=0.25)[0].sampling_fraction == 0.25


def test_a_row_of_ai_platform_is_a_prediction_with_a_digest_for_an_id() -> None:
    (record,) = records(AI_PLATFORM)
    assert (record.model, record.version, record.event_time) == ("income", "v3", AT)
    assert (record.features, record.prediction, record.label) == ({"x0": 39, "x1": 0.5}, 1, None)
    assert len(record.prediction_id or "") == 32


def test_the_digest_stays_the_same_when_the_label_comes_later() -> None:
    before, after = records(AI_PLATFORM, AI_PLATFORM | {"groundtruth": "0"})
    assert before.prediction_id == after.prediction_id
    assert (before.label, after.label) == (None, 0)


def test_labels_of_several_rows_are_theirs_one_by_one() -> None:
    several = {"raw_data": '{"instances": [[1], [2]]}', "raw_prediction": '{"predictions": [1, 1]}'}
    assert [record.label for record in records(AI_PLATFORM | several | {"groundtruth": "[0, 1]"})] == [0, 1]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (VERTEX | {"response_payload": ["0.5"]}, "the request has 2 rows, the answer 1"),
        (VERTEX | {"request_payload": None, "response_payload": None}, "no request and no response"),
        (VERTEX | {"logging_time": "noon"}, "logging_time 'noon' is not readable"),
        (AI_PLATFORM | {"groundtruth": "[0, 1]"}, "groundtruth has 2 labels, the call 1 rows"),
        ({"a": 1}, "columns 'a' are no logging table's"),
    ],
)
def test_a_row_that_is_not_usable_is_refused_and_the_next_is_read(row: dict[str, Any], reason: str) -> None:
    part = decode(row, AI_PLATFORM)
    assert reason in part.refusals[0].reason
    assert len(part.records) == 1


@pytest.mark.parametrize("row", [VERTEX, AI_PLATFORM])
def test_exported_lines_of_both_schemas_are_recognised_and_read(row: dict[str, Any]) -> None:
    log = Log(json.dumps(row).encode() + b"\n")
    assert find_format("vertex").sniff(log)
    (part,) = find_format("vertex").decode(log)
    assert {record.model for record in part.records} == {"income"}
