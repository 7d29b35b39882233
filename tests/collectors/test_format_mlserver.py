"""MLServer's Kafka messages and bodies with CloudEvents attributes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from collectors.formats import Log, sniff_format
from collectors.formats.mlserver import KAFKA_KEY, MlServer
from collectors.joining import join
from collectors.wire import Half, Side
from monitor.config import NO_MAPPING, MappingSettings

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
INPUT = {"name": "age", "shape": [2], "datatype": "INT64", "data": [39, 50]}
OUTPUT = {"name": "predict", "shape": [2], "datatype": "BYTES", "data": ["low", "high"]}


def read(sent: Any, mapping: MappingSettings = NO_MAPPING, **headers: str) -> tuple[str, list[Half], list[str]]:
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    log = Log(body, headers=named, at=NOON, mapping=mapping)
    found = sniff_format(log)
    assert found is not None
    parts = list(found.decode(log))
    return (
        found.name,
        [half for part in parts for half in part.halves],
        [refusal.reason for part in parts for refusal in part.refusals],
    )


def test_messages_join_on_their_key_which_wins_over_the_body() -> None:
    about = {"mlserver_model": "income", KAFKA_KEY: "k-1"}
    name, (request,), _ = read({"id": "other", "inputs": [INPUT]}, **about)
    _, (response,), _ = read({"model_name": "income", "model_version": "v2", "id": "k-1", "outputs": [OUTPUT]}, **about)
    assert name == "mlserver"
    records = join(request, response)
    assert [(r.prediction_id, r.model, r.version, r.prediction, r.event_time) for r in records] == [
        ("k-1", "income", "v2", "low", NOON),
        ("k-1/1", "income", "v2", "high", NOON),
    ]
    assert records[0].latency_ms is None


def test_attributes_inside_the_body_name_model_and_request() -> None:
    marks = {"Ce-Specversion": "0.3", "Ce-Type": "io.seldon.serving.inference.request", "Ce-Requestid": "r-1"}
    request = {"inputs": [INPUT], "parameters": {"headers": {**marks, "Ce-Modelid": "income"}}}
    name, (half,), _ = read(request)
    assert (name, half.side, half.request_id, half.model) == ("mlserver", Side.REQUEST, "r-1", "income")
    answer = {"model_name": "income", "id": "r-1", "outputs": [OUTPUT]}
    marks["Ce-Type"] = "io.seldon.serving.inference.response"
    _, (other,), _ = read({**answer, "parameters": {"headers": {**marks, "Ce-Modelid": "income"}}})
    assert half.key == other.key


def test_a_call_that_names_no_model_has_the_mapping_of_its_log() -> None:
    wide = {"name": "x", "shape": [1, 2], "datatype": "INT64", "data": [39, 40]}
    body = json.dumps({"id": "a", "inputs": [wide]}).encode()
    mappings = {name: MappingSettings(columns=[f"{name}_0", f"{name}_1"]) for name in ("", "income")}
    log = Log(body, model="income", at=NOON, mapping=mappings["income"], mappings=mappings)
    (half,) = [half for part in MlServer().decode(log) for half in part.halves]
    assert half.rows[0].features == {"income_0": 39, "income_1": 40}


def test_a_message_without_any_id_is_refused() -> None:
    assert "the request has no id; accepted: the message's key" in read({"inputs": [INPUT]}, mlserver_model="m")[2][0]


def test_lines_that_are_no_v2_bodies_are_refused() -> None:
    reasons = [refusal.reason for part in MlServer().decode(Log(b'{"a": 1}\nx')) for refusal in part.refusals]
    assert reasons[0] == "the body has the keys ['a']; accepted: inputs or outputs, arrays of tensors"
    assert reasons[1].startswith("not JSON")
