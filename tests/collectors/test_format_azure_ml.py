"""Azure ML's data collector: CloudEvents as its documentation shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format
from collectors.joining import join
from collectors.wire import Half, Side, WirePrediction
from monitor.config import NO_MAPPING, MappingSettings

SOURCE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/onlineEndpoints/patients/deployments/blue"
)
AT = datetime(2022, 12, 1, 8, 51, 30, tzinfo=UTC)


def event(collection: str, data: Any, **fields: Any) -> bytes:
    sent = {
        "specversion": "1.0",
        "id": "725aa8af",
        "source": SOURCE,
        "type": f"azureml.inference.{collection}",
        "datacontenttype": "application/json",
        "time": "2022-12-01T08:51:30Z",
        "data": data,
        "correlationid": "bbbb1111",
        "xrequestid": "bbbb1111",
        "modelversion": "default",
        "collectdatatype": "pandas.core.frame.DataFrame",
        "agent": "monitoring-sdk/0.1.2",
        "contentrange": "bytes 0-116/117",
    }
    return json.dumps(sent | fields).encode() + b"\n"


def decode(body: bytes, model: str | None = None, **mapping: Any) -> Decoded:
    settings = MappingSettings(**mapping) if mapping else NO_MAPPING
    (part,) = find_format("azure-ml").decode(Log(body, model=model, mapping=settings))
    return part


def half(body: bytes, **known: Any) -> Half:
    part = decode(body, **known)
    assert not part.refusals
    (found,) = part.halves
    return found


@pytest.mark.parametrize("collection", ["inputs", "model_inputs"])
def test_inputs_are_the_request_of_a_call_with_a_row_per_entry(collection: str) -> None:
    rows = [{"label": "DRUG", "pattern": "aspirin"}, {"label": "DRUG", "pattern": "trazodone"}]
    assert half(event(collection, rows)) == Half(
        key="bbbb1111",
        side=Side.REQUEST,
        request_id="bbbb1111",
        model="patients",
        version="blue",
        time=AT,
        rows=[WirePrediction(features=row) for row in rows],
    )


@pytest.mark.parametrize("collection", ["outputs", "model_outputs"])
def test_outputs_are_the_response_whose_one_column_is_the_prediction(collection: str) -> None:
    found = half(event(collection, [{"0": 1}, {"0": 0}]))
    assert (found.side, found.key, found.version) == (Side.RESPONSE, "bbbb1111", "blue")
    assert [row.prediction for row in found.rows] == [1, 0]


def test_outputs_with_probabilities_have_scores() -> None:
    found = half(event("model_outputs", [{"no": 0.25, "yes": 0.75}]), positive="yes")
    assert found.rows == [WirePrediction(prediction="yes", score=0.75, scores={"no": 0.25, "yes": 0.75})]


def test_the_payload_log_joins_with_its_own_kind() -> None:
    asked = half(event("request", {"data": [[1, 2], [3, 4]]}, path="/score", method="POST"))
    answered = half(event("response", [11055.9, 4503.1]))
    assert asked.key == answered.key != "bbbb1111"
    assert asked.request_id == answered.request_id == "bbbb1111"
    assert [row.features for row in asked.rows] == [{"x0": 1, "x1": 2}, {"x0": 3, "x1": 4}]
    assert [row.prediction for row in answered.rows] == [11055.9, 4503.1]


def test_a_payload_may_be_json_in_a_text() -> None:
    assert [row.prediction for row in half(event("response", "[1.5, 2.5]")).rows] == [1.5, 2.5]


def test_a_response_that_is_an_error_is_one_row_with_its_text() -> None:
    assert half(event("response", {"error": "no such column"})).rows == [WirePrediction(error="no such column")]


def test_inputs_and_outputs_in_one_collection_are_whole_predictions() -> None:
    rows = [{"age": 39, "prediction": "late"}, {"age": 40, "prediction": "on time"}]
    records = decode(event("model_inputs_outputs", rows)).records
    assert [(r.prediction_id, r.model, r.version, r.prediction, r.features) for r in records] == [  # type: ignore[union-attr]
        ("bbbb1111", "patients", "blue", "late", {"age": 39}),
        ("bbbb1111/1", "patients", "blue", "on time", {"age": 40}),
    ]


def test_merged_whole_rows_are_told_apart_by_an_id_of_their_own() -> None:
    rows = [{"order": 7, "prediction": "late"}, {"order": 8, "prediction": "on time"}]
    part = decode(event("model_inputs_outputs", rows), fields={"prediction_id": "order"})
    assert [record.prediction_id for record in part.records] == ["7", "8"]  # type: ignore[union-attr]


def test_the_share_that_is_collected_is_the_mappings() -> None:
    assert half(event("inputs", [{"a": 1}]), sampling_fraction=0.1).rows[0].sampling_fraction == 0.1


def test_a_model_named_by_the_source_wins_over_the_endpoint() -> None:
    assert half(event("inputs", [{"a": 1}]), model="triage").model == "triage"


def test_a_request_id_stands_in_for_a_missing_correlation_id() -> None:
    assert half(event("inputs", [{"a": 1}], correlationid="", xrequestid="x-1")).key == "x-1"


def test_a_collection_of_the_users_own_is_skipped() -> None:
    part = decode(event("features_after_scaling", [{"a": 1}]))
    assert (part.skipped, part.halves, part.refusals) == (1, [], [])


def test_data_in_a_blob_of_their_own_are_refused() -> None:
    url = "https://account.blob.core.windows.net/c/raw.bin"
    part = decode(event("inputs", url, datainblob="true") + event("inputs", [{"a": 1}]))
    assert part.refusals[0].reason.startswith("the data are in a blob of their own, 'https://account")
    assert part.half_places == [1]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (event("inputs", [{"a": 1}], correlationid="", xrequestid=""), "no correlationid"),
        (event("inputs", [{"a": {"b": ["c", "d"]}}]), "feature 'a.b' is ['c', 'd']"),
        (event("inputs", [{"a": 1}], time="noon"), "time 'noon' is not readable"),
        (event("outputs", [{"a": 0.5, "b": 7}]), "the answer has the keys a, b"),
        (event("response", "{oops"), "the body is not JSON"),
        (event("inputs", [{"a": 1}], type="com.example.order"), "none of the data collector's"),
        (event("inputs", [{"a": 1}], source=3), "Expected `str`"),
        (event("inputs_outputs", [3]), "a row is 3"),
    ],
)
def test_an_event_that_is_not_usable_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    part = decode(body)
    assert reason in part.refusals[0].reason
    assert not part.halves


def test_only_its_own_events_are_recognised() -> None:
    log_format = find_format("azure-ml")
    assert log_format.sniff(Log(event("inputs", [])))
    assert not log_format.sniff(Log(event("inputs", [], type="org.kubeflow.serving.inference.request")))


def test_lines_of_both_files_join_row_by_row_also_where_calls_were_merged() -> None:
    asked = half(event("model_inputs", [{"age": 39}, {"age": 40}]))
    answered = half(event("model_outputs", [{"0": "late"}, {"0": "on time"}]))
    joined = join(asked, answered)
    assert [(record.prediction_id, record.features, record.prediction) for record in joined] == [
        ("bbbb1111", {"age": 39}, "late"),
        ("bbbb1111/1", {"age": 40}, "on time"),
    ]
    assert {(record.model, record.version, record.latency_ms) for record in joined} == {("patients", "blue", None)}
