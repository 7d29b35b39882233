"""OTLP traces: calls to language models, functions traced by tracely, and any span with a mapping."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format, sniff_format
from collectors.wire import WirePrediction
from monitor.config import MappingSettings

from .test_format_otlp_logs import pairs

START = 1772622000_000000000
END = datetime.fromtimestamp(START / 1e9 + 0.25, UTC)
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "some",
    "gen_ai.request.model": "small",
    "gen_ai.response.model": "small-2026-01",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.usage.input_tokens": 39,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.input.messages": "[a secret]",
}


def span(attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    made = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "work",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 250_000_000),
        "attributes": pairs(attributes),
    }
    return made | fields


def export(*spans: dict[str, Any], **resource: Any) -> bytes:
    attributes = pairs({"service.name": "shop"} | resource)
    scopes = [{"scope": {}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scopes}]}).encode()


def decode(body: bytes, path: str = "/v1/traces", model: str | None = None, **mapping: Any) -> Decoded:
    log = Log(body, path=path, model=model, mapping=MappingSettings(**mapping))
    assert sniff_format(log) is find_format("otlp-traces")
    (decoded,) = find_format("otlp-traces").decode(log)
    return decoded


def one(body: bytes, **known: Any) -> WirePrediction:
    decoded = decode(body, **known)
    assert decoded.refusals == []
    (record,) = decoded.records
    assert isinstance(record, WirePrediction)
    return record


def test_a_call_of_a_language_model_is_a_prediction() -> None:
    assert one(export(span(CHAT))) == WirePrediction(
        model="shop",
        version="small-2026-01",
        prediction_id="eee19b7ec3c1b174",
        event_time=END,
        latency_ms=250.0,
        prediction="stop",
        features={
            "operation.name": "chat",
            "provider.name": "some",
            "request.model": "small",
            "request.temperature": 0.2,
            "usage.input_tokens": 39,
            "usage.output_tokens": 7,
        },
    )


def test_a_failed_call_is_an_error_with_its_status_where_it_is_one() -> None:
    failed = span(CHAT | {"error.type": "429"}, status={"code": 2, "message": "slow down"})
    assert (one(export(failed)).error, one(export(failed)).status_code) == ("429", 429)
    timeout = one(export(span(CHAT, status={"code": 2})))
    assert (timeout.error, timeout.status_code) == ("error", None)


def test_tools_and_agents_are_skipped_because_their_calls_are_counted() -> None:
    spans = [span(CHAT | {"gen_ai.operation.name": name}) for name in ("execute_tool", "invoke_agent", "chat")]
    decoded = decode(export(*spans))
    assert (len(decoded.records), decoded.skipped) == (1, 2)


def test_an_evaluation_among_the_events_is_the_label() -> None:
    event = {
        "name": "gen_ai.evaluation.result",
        "timeUnixNano": str(START),
        "attributes": pairs({"gen_ai.evaluation.score.value": 1.0}),
    }
    record = one(export(span(CHAT, events=[event])))
    assert (record.label, record.label_time) == (1.0, datetime.fromtimestamp(START / 1e9, UTC))


def test_the_requests_model_names_it_where_no_service_does() -> None:
    assert one(export(span(CHAT), **{"service.name": "unknown_service:python"})).model == "small"
    assert one(export(span(CHAT)), model="churn").model == "churn"


def test_a_function_traced_by_tracely_is_a_prediction_of_its_arguments() -> None:
    attributes = {
        "age": 39,
        "plan": "gold",
        "question": "x" * 500,
        "user_id": "u-1",
        "session_id": "s-1",
        "tokens.input": 7,
        "result": "late",
    }
    record = one(export(span(attributes), **{"evidently.export_id": "e"}), path="/api/v1/traces")
    assert (record.features, record.prediction) == ({"age": 39, "plan": "gold"}, "late")
    assert (record.entity_id, record.latency_ms, record.model) == ("u-1", 250.0, "shop")


@pytest.mark.parametrize(
    ("results", "prediction", "scores"),
    [
        ({"result.label": "b", "result.a": 0.25, "result.b": 0.75}, "b", {"a": 0.25, "b": 0.75}),
        ({"result.0": 3, "result.1": 4}, 3, None),
        ({"result.price": 12.5}, 12.5, None),
        ({"result.x": 1.5, "result.y": 2}, None, None),
        ({"result": "a long answer " * 20}, None, None),
    ],
)
def test_results_of_several_parts_are_read_where_they_are_clear(
    results: dict[str, Any], prediction: Any, scores: Any
) -> None:
    record = one(export(span({"age": 39} | results), **{"evidently.project_id": "p"}))
    assert (record.prediction, record.scores) == (prediction, scores)


def test_other_spans_are_skipped_unless_a_mapping_knows_them() -> None:
    spans = export(span({"http.route": "/predict"}, name="POST /predict"), span({"ml.out": 0.5, "ml.age": 39}))
    assert decode(spans).skipped == 2
    record = one(spans, fields={"prediction": "ml.out", "tags.span": "otel.name"}, features={"age": "ml.age"})
    assert (record.prediction, record.features, record.tags) == (0.5, {"age": 39}, {"span": "work"})
    assert (record.prediction_id, record.latency_ms, record.event_time) == ("eee19b7ec3c1b174", 250.0, END)


def test_a_span_without_an_end_has_no_latency() -> None:
    record = one(export(span(CHAT, endTimeUnixNano="0")))
    assert (record.latency_ms, record.event_time) == (None, None)


def test_fields_of_a_later_version_are_ignored() -> None:
    assert one(export(span(CHAT, somethingNew={"x": 1}))).prediction == "stop"
