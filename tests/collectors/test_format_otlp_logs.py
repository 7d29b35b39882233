"""OTLP logs: what BentoML really sends, events of generative AI, and any body with a mapping."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from collectors.formats import WHOLE_BODY, Decoded, Log, find_format, sniff_format
from collectors.formats.otlp_logs import otlp_answer
from collectors.wire import WireLabel, WirePrediction
from monitor.config import MappingSettings

RECORDING = Path(__file__).parents[1] / "recordings" / "bentoml" / "otlp_requests.jsonl"
TIME = 1772622000_000000000
JSON = {"content-type": "application/json"}


def value(of: Any) -> dict[str, Any]:
    match of:
        case bool():
            return {"boolValue": of}
        case int():
            return {"intValue": str(of)}
        case float():
            return {"doubleValue": of}
        case dict():
            return {"kvlistValue": {"values": pairs(of)}}
        case list():
            return {"arrayValue": {"values": [value(each) for each in of]}}
        case _:
            return {"stringValue": of}


def pairs(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(each)} for key, each in of.items()]


def record(body: Any = None, **fields: Any) -> dict[str, Any]:
    made = {"timeUnixNano": str(TIME)} | fields
    return made if body is None else made | {"body": value(body)}


def export(*records: dict[str, Any], service: str = "shop", scope: str = "") -> bytes:
    resource = {"attributes": pairs({"service.name": service})}
    scopes = [{"scope": {"name": scope}, "logRecords": list(records)}]
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": scopes}]}).encode()


def decode(body: bytes, model: str | None = None, path: str = "/v1/logs", **mapping: Any) -> list[Decoded]:
    log = Log(body, model=model, path=path, mapping=MappingSettings(**mapping))
    assert sniff_format(log) is find_format("otlp-logs")
    return list(find_format("otlp-logs").decode(log))


def read(body: bytes, model: str | None = None, **mapping: Any) -> list[Any]:
    parts = decode(body, model, **mapping)
    assert [refused for part in parts for refused in part.refusals] == []
    return [each for part in parts for each in part.records]


def exchanges() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDING.read_text().splitlines()]


def test_bentomls_records_are_its_monitors_rows_whatever_the_service_is_called() -> None:
    parts = [part for sent in exchanges() for part in decode(base64.b64decode(sent["body_b64"]))]
    records = [each for part in parts for each in part.records if isinstance(each, WirePrediction)]
    assert len(records) == 12
    assert [(each.model, each.prediction) for each in records[:2]] == [
        ("electricity", "DOWN"),
        ("bike", 32.71329718099115),
    ]
    assert records[0].features["nswprice"] == 0.055242
    assert {declared.model for part in parts for declared in part.declared} == {"electricity", "bike"}


def test_json_and_protobuf_of_one_message_are_read_alike() -> None:
    for sent in exchanges():
        sent_json = json.dumps(sent["decoded"]).encode()
        message = ExportLogsServiceRequest()
        message.ParseFromString(base64.b64decode(sent["body_b64"]))
        assert read(sent_json)[:1] == read(message.SerializeToString())[:1]


def test_a_body_in_kedges_own_words_needs_no_mapping() -> None:
    body = export(record({"prediction_id": "a", "prediction": "late", "features": {"age": 39}}), record("plain text"))
    (made,) = read(body)
    assert made == WirePrediction(
        model="shop",
        prediction_id="a",
        prediction="late",
        features={"age": 39},
        event_time=datetime.fromtimestamp(TIME / 1e9, UTC),
    )


def test_a_mapping_finds_what_it_says_in_body_attributes_and_resource() -> None:
    sent = record({"in": {"age": 39}}, attributes=pairs({"out": 0.5, "http.status": 200}))
    (made,) = read(
        export(sent),
        model="churn",
        fields={
            "prediction": "attributes.out",
            "status_code": "attributes['http.status']",
            "tags.s": "resource['service.name']",
        },
        features_at="in",
    )
    assert (made.model, made.prediction, made.status_code, made.tags) == ("churn", 0.5, 200, {"s": "shop"})
    assert made.features == {"age": 39}


def test_records_without_anything_that_is_mapped_are_skipped() -> None:
    (decoded,) = decode(export(record({"x": 1}), record("hello")), fields={"prediction": "y"})
    assert (decoded.records, decoded.skipped, decoded.refusals) == ([], 2, [])


def test_an_export_that_is_repeated_gets_the_same_ids() -> None:
    body = export(record({"prediction": 1}), record({"prediction": 2}))
    first, again = read(body), read(body)
    assert [each.prediction_id for each in first] == [each.prediction_id for each in again]
    assert len({each.prediction_id for each in first}) == 2


def test_an_evaluation_is_the_label_of_its_span() -> None:
    attributes = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.label": "relevant"}
    sent = record(eventName="gen_ai.evaluation.result", attributes=pairs(attributes), spanId="eee19b7ec3c1b174")
    (made,) = read(export(sent))
    assert made == WireLabel(
        model="shop",
        prediction_id="eee19b7ec3c1b174",
        label="relevant",
        label_time=datetime.fromtimestamp(TIME / 1e9, UTC),
    )


def test_an_evaluation_without_a_span_names_the_response() -> None:
    attributes = {
        "gen_ai.evaluation.score.value": 0.5,
        "gen_ai.response.id": "r-1",
        "event.name": "gen_ai.evaluation.result",
    }
    (made,) = read(export(record(attributes=pairs(attributes))))
    assert (made.prediction_id, made.label) == ("r-1", 0.5)
    del attributes["gen_ai.response.id"]
    (decoded,) = decode(export(record(attributes=pairs(attributes))))
    assert [refused.reason for refused in decoded.refusals] == [
        "the evaluation belongs to no span and names no gen_ai.response.id"
    ]


def test_one_of_several_evaluations_is_chosen_by_the_mapping() -> None:
    sent = [
        record(
            eventName="gen_ai.evaluation.result",
            spanId="eee19b7ec3c1b174",
            attributes=pairs({"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": score}),
        )
        for name, score in (("relevance", 1.0), ("toxicity", 0.0))
    ]
    (made,) = read(export(*sent), where={"'gen_ai.evaluation.name'": "toxicity"})
    assert made.label == 0.0


def test_messages_of_a_conversation_are_never_taken_in() -> None:
    secret = "my name is nobody"
    details = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "small-1",
        "gen_ai.input.messages": [{"role": "user", "content": secret}],
        "gen_ai.output.messages": secret,
        "gen_ai.system_instructions": secret,
    }
    body = export(
        record({"content": secret}, eventName="gen_ai.user.message"),
        record(
            eventName="gen_ai.client.inference.operation.details", attributes=pairs(details), spanId="eee19b7ec3c1b174"
        ),
    )
    (made,) = read(body)
    assert made.features == {"operation.name": "chat", "request.model": "small-1"}
    assert secret not in repr(made)


def test_a_file_of_the_collectors_exporter_has_one_message_per_line() -> None:
    line = export(record({"prediction": 1}))
    parts = decode(line + b"\nbroken\n" + line, path="logs.json")
    assert [len(part.records) for part in parts] == [2]
    assert parts[0].refusals[0].reason.startswith("the line is no OTLP message")


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"{", b'{"resourceLogs": 3}', b"[1]", b'{"\\ud800": 1}'])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    (decoded,) = decode(body)
    assert [refused.payload for refused in decoded.refusals] == [body]
    assert decoded.refusals[0].index in (0, WHOLE_BODY)


def test_the_answer_is_in_the_content_type_of_the_export() -> None:
    assert otlp_answer(Log(b"\x0a", path="/v1/logs"), 0, "") == b""
    assert otlp_answer(Log(b"{}", path="/v1/logs", headers=JSON), 0, "unused") == b"{}"
    answer = ExportLogsServiceResponse.FromString(otlp_answer(Log(b"\x0a", path="/v1/logs"), 3, "no model"))
    assert (answer.partial_success.rejected_log_records, answer.partial_success.error_message) == (3, "no model")
    spans = otlp_answer(Log(b"\x0a", path="/api/v1/traces"), 2, "odd \ud800")
    assert ExportTraceServiceResponse.FromString(spans).partial_success.rejected_spans == 2
    told = json.loads(otlp_answer(Log(b"{}", path="/v1/traces", headers=JSON), 2, "no"))
    assert told == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "no"}}
