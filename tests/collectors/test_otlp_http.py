"""OTLP over HTTP: exporters are answered in their own terms, and what they taught is remembered."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from collectors.formats import find_format

from .conftest import Rig
from .test_http_source import Client, client_of

RECORDED = Path(__file__).parents[1] / "recordings" / "bentoml" / "otlp_requests.jsonl"
PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
def http(rig: Rig) -> Client:
    rig.now = datetime(2026, 12, 1, tzinfo=UTC)  # after the recordings
    return client_of(rig)


def logs(http: Client, body: bytes, **headers: str) -> httpx.Response:
    return http.post("/v1/logs?model=income", content=body, headers=headers)


def example() -> bytes:
    return find_format("otlp-logs").example().body


def test_an_export_in_json_is_answered_in_json(rig: Rig, http: Client) -> None:
    answer = logs(http, example(), **{"content-type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {})
    assert rig.inbox.records_waiting() == 1


def test_recorded_exports_in_protobuf_are_taken_and_answered_in_protobuf(rig: Rig, http: Client) -> None:
    taken = 0
    for line in RECORDED.read_text().splitlines():
        body = base64.b64decode(json.loads(line)["body_b64"])
        answer = http.post("/v1/logs", content=body, headers=PROTOBUF)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
        assert ExportLogsServiceResponse.FromString(answer.content).partial_success.rejected_log_records == 0
        taken += 1
    assert taken > 0
    assert {model for model, _ in rig.inbox.waiting()} == {"bike", "electricity"}


def test_what_an_exporter_taught_is_remembered_by_the_next_process(rig: Rig, http: Client) -> None:
    first = base64.b64decode(json.loads(RECORDED.read_text().splitlines()[0])["body_b64"])
    http.post("/v1/logs", content=first, headers=PROTOBUF)
    kept = rig.inbox.checkpoint("/v1/logs")
    assert kept is not None
    assert b"electricity" in kept or b"bike" in kept
    rig.restart()
    assert client_of(rig).post("/v1/logs", content=first, headers=PROTOBUF).status_code == 200


def test_refused_records_are_a_partial_success_and_in_quarantine(rig: Rig, http: Client) -> None:
    body = example().replace(b'"<=50K"', b'"<=50K"').replace(b"1772622000000000000", b"9999999999000000000")
    answer = logs(http, body, **{"content-type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"
    assert "future" in answer.json()["partialSuccess"]["errorMessage"]
    assert len(rig.inbox.refused()) == 1


def test_what_is_no_export_is_rejected_with_the_reason_and_kept(rig: Rig, http: Client) -> None:
    answer = logs(http, b"\xff\xff\xff", **PROTOBUF)
    told = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, told.rejected_log_records) == (200, 1)
    assert "no OTLP message" in told.error_message
    assert [row.payload for row in rig.inbox.refused()] == [b"\xff\xff\xff"]


def test_only_post_is_served(http: Client) -> None:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(http.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
            return await client.get("/v1/logs")

    assert asyncio.run(get()).status_code == 405
