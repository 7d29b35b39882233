"""Bare bodies of the Open Inference Protocol."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collectors.formats import Log, sniff_format
from collectors.formats.open_inference import OpenInference
from collectors.joining import alone, join
from collectors.wire import Half
from monitor.config import NO_MAPPING, MappingSettings

from .joining_rig import Buffer

RECORDING = Path(__file__).parent.parent / "recordings" / "mlserver" / "exchanges.jsonl"
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


def test_bare_bodies_join_on_their_id() -> None:
    lines = [{"id": "a-1", "inputs": [INPUT]}, {"model_name": "income", "id": "a-1", "outputs": [OUTPUT]}]
    name, (request, response), _ = read("\n".join(map(json.dumps, lines)).encode())
    assert name == "open-inference"
    assert [(r.model, r.features, r.prediction) for r in join(request, response)] == [
        ("income", {"age": 39}, "low"),
        ("income", {"age": 50}, "high"),
    ]


def test_recorded_bodies_of_mlserver_join() -> None:
    joined = []
    for line in RECORDING.read_text().splitlines():
        sent = json.loads(line)
        if '"inputs"' not in sent["request"].get("body", "") or sent.get("response", {}).get("status") != 200:
            continue
        if '"id"' not in sent["request"]["body"]:
            continue  # its id is in the answer only
        bodies = (sent["request"]["body"].encode(), sent["response"]["body"].encode())
        (request,), (response,) = (read(body)[1] for body in bodies)
        joined += join(request, response)
    assert len(joined) == 11
    assert {record.model for record in joined} == {"electricity", "bank"}
    assert all(record.prediction is not None and record.score is not None for record in joined)


def test_an_error_with_the_id_of_its_request_fails_the_call() -> None:
    _, (request,), _ = read({"id": "a-1", "inputs": [INPUT]})
    _, (response,), _ = read({"id": "a-1", "error": "boom"})
    assert [record.error for record in join(request, response)] == ["boom", "boom"]


def test_a_request_that_stays_alone_is_an_error_per_row() -> None:
    _, (request,), _ = read({"id": "a-1", "inputs": [INPUT]})
    assert [(r.prediction_id, bool(r.error)) for r in alone(request)] == [("a-1", True), ("a-1/1", True)]


def test_a_body_without_an_id_is_refused() -> None:
    name, halves, (reason,) = read({"inputs": [INPUT]})
    assert (name, halves) == ("open-inference", [])
    assert reason == "a V2 body without an id can't be joined with its other side; accepted: id in both"


def test_binary_tensors_are_read_with_their_header() -> None:
    tensor = {"name": "f", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    head = json.dumps({"id": "a-1", "inputs": [tensor]}).encode()
    _, (half,), _ = read(head + b"\x00\x00\x80\x3f", inference_header_content_length=str(len(head)))
    assert half.rows[0].features == {"f": 1.0}
    log = Log(head + b"\x00\x00\x80\x3f", headers={"inference-header-content-length": "9999"})
    (part,) = OpenInference().decode(log)
    assert "inference-header-content-length is '9999'" in part.refusals[0].reason


@pytest.mark.parametrize("shape", [[3], [1, 7]])
def test_a_tensor_whose_shape_does_not_fit_is_refused_and_the_call_still_counts(shape: list[int]) -> None:
    _, (half,), (reason,) = read({"id": "a-1", "inputs": [{**INPUT, "shape": shape}]})
    assert "values, it has 2" in reason
    assert (half.request_id, half.rows) == ("a-1", [])
    assert [record.prediction_id for record in alone(half)] == ["a-1"]


def test_both_sides_wait_under_one_model_although_only_the_response_names_it(tmp_path: Path) -> None:
    buffer = Buffer(tmp_path / "inbox.sqlite")
    buffer.put(NOON, *read({"id": "a-1", "inputs": [INPUT]})[1])
    buffer.put(NOON, *read({"model_name": "income", "id": "a-1", "outputs": [OUTPUT]})[1])
    buffer.joiner.run(NOON)
    assert [(r["model"], r["prediction_id"], r["prediction"]) for r in buffer.records()] == [
        ("income", "a-1", "low"),
        ("income", "a-1/1", "high"),
    ]
