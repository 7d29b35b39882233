"""The HTTP source: every answer it can give, and that nothing refused vanishes."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from collectors.deliveries import RefusedRow
from collectors.metrics import CollectorMetrics
from collectors.sources.http import Door
from collectors.sources.openapi import openapi_paths
from monitor.access import KeyRing
from monitor.config import MappingSettings
from monitor.db import keys
from monitor.db.keys import Role
from monitor.lake import Kind

from .conftest import MakeRig, Rig, prediction

JSON = {"content-type": "application/json"}


def app_of(rig: Rig) -> Door:
    return Door(Starlette(), rig.collector, KeyRing(rig.db, refresh_seconds=0), lambda: rig.now)


@dataclass
class Client:
    """Calls the application itself, as somebody at `host`; an exception inside it fails the test."""

    app: Door
    host: str

    def post(self, path: str, **sent: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(self.host, 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://collector") as http:
                return await http.post(path, **sent)

        return asyncio.run(call())


def client_of(rig: Rig, host: str = "127.0.0.1") -> Client:
    return Client(app_of(rig), host)


@pytest.fixture
def http(rig: Rig) -> Client:
    return client_of(rig)


def quarantined(rig: Rig) -> RefusedRow:
    (row,) = rig.inbox.refused()
    return row


def test_accepted_records_are_in_the_inbox_when_the_answer_comes(rig: Rig, http: Client) -> None:
    answer = http.post("/v1/predictions", json=[prediction("a"), prediction("b")])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "refused": [], "refused_total": 0})
    assert rig.inbox.records_waiting() == 2


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (json.dumps(prediction()), JSON),
        (json.dumps(prediction()), {}),
        (json.dumps(prediction()) + "\n" + json.dumps(prediction("b")), {"content-type": "application/x-ndjson"}),
        (json.dumps([prediction()]), {"content-type": "application/json; charset=utf-8"}),
        (gzip.compress(json.dumps(prediction()).encode(), mtime=0), JSON | {"content-encoding": "gzip"}),
        (gzip.compress(b"[", mtime=0) + gzip.compress(b"]", mtime=0), JSON | {"content-encoding": "x-gzip"}),
        ("prediction_id,age\na,1\n", {"content-type": "text/csv"}),
    ],
)
def test_every_accepted_way_to_send(http: Client, content: Any, headers: dict[str, str]) -> None:
    answer = http.post("/v1/predictions?model=income&version=3", content=content, headers=headers)
    assert answer.status_code == 202, answer.text


def test_the_address_names_model_and_version_for_records_that_do_not(rig: Rig, http: Client) -> None:
    http.post("/v1/predictions?model=from-address&version=7", json={"prediction_id": "a"})
    rig.flush()
    assert rig.stored("from-address")[0]["version"] == "7"


def test_a_log_of_one_s_own_is_recognised_by_the_mapping_of_its_model(rig: Rig, http: Client) -> None:
    rig.settings.mappings = {"bike": MappingSettings(fields={"prediction_id": "id", "prediction": "answer"})}
    for query, headers in (("&format=auto", {}), ("", {"content-type": "application/octet-stream"})):
        answer = http.post(
            f"/v1/predictions?model=bike{query}", content=b'{"id": "%d", "answer": 12}' % len(query), headers=headers
        )
        assert answer.status_code == 202, answer.text
    rig.flush()
    assert {(row["prediction_id"], row["prediction"]) for row in rig.stored("bike")} == {("0", "12"), ("12", "12")}


def test_labels_are_taken(rig: Rig, http: Client) -> None:
    answer = http.post("/v1/labels", json={"model": "income", "prediction_id": "a", "label": True})
    assert answer.status_code == 202
    rig.flush()
    assert rig.stored("income", Kind.LABELS)[0]["label"] == "1"


def test_some_refused_is_202_with_their_places_and_reasons(rig: Rig, http: Client) -> None:
    answer = http.post("/v1/predictions", json=[prediction("a"), {"model": "../../etc"}, prediction("c"), 3])
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["refused_total"]) == (2, 2)
    assert [refused["index"] for refused in told["refused"]] == [1, 3]
    assert "'../../etc' is not usable" in told["refused"][0]["reason"]
    assert len(rig.inbox.refused()) == 2


def test_all_refused_is_422(http: Client) -> None:
    answer = http.post("/v1/predictions", json=[{"model": "x" * 10_000}, {"model": "🚢"}, {"model": ""}])
    assert answer.status_code == 422
    assert answer.json()["accepted"] == 0
    assert answer.json()["refused_total"] == 3


def test_a_long_list_of_refusals_is_cut_but_all_are_kept(rig: Rig, http: Client) -> None:
    answer = http.post("/v1/predictions", json=[1] * 150)
    assert len(answer.json()["refused"]) == 100
    assert answer.json()["refused_total"] == 150
    assert len(rig.inbox.refused()) == 150


@pytest.mark.parametrize(
    ("content", "headers", "status", "expected"),
    [
        (b"{oops", JSON, 400, "the body is not JSON"),
        (b"", JSON, 400, "the body is empty"),
        (b"", {}, 400, "the body is empty"),
        (b"\x00\x01\x02", {}, 400, "the body is not JSON"),
        (b"[" * 100_000, JSON, 400, "nested too deeply"),
        (b"not gzip", JSON | {"content-encoding": "gzip"}, 400, "the body is not gzip"),
        (gzip.compress(b"[]" * 99, mtime=0)[:-9], JSON | {"content-encoding": "gzip"}, 400, "it ends in the middle"),
        (b"[]", JSON | {"content-encoding": "br"}, 415, "'br' is not known; accepted: identity, gzip"),
        (b"<x/>", {"content-type": "text/xml"}, 415, "'text/xml' is not known; accepted: "),
        (b"[]", JSON | {"idempotency-key": "k" * 257}, 400, "Idempotency-Key has 257 characters; accepted: 1 to 256"),
        (b"[]", JSON | {"idempotency-key": ""}, 400, "Idempotency-Key has 0 characters"),
    ],
)
def test_an_unusable_body_is_refused_and_kept_with_the_reason(
    rig: Rig, http: Client, content: bytes, headers: dict[str, str], status: int, expected: str
) -> None:
    answer = http.post("/v1/predictions", content=content, headers=headers)
    assert answer.status_code == status
    assert expected in answer.json()["error"]
    assert expected in quarantined(rig).reason


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes_as_csv_are_400_in_words_and_leave_no_noise(
    rig: Rig, http: Client, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    body = random.Random(seed).randbytes(3_000)
    answer = http.post("/v1/predictions?model=m", content=body, headers={"content-type": "text/csv"})
    assert answer.status_code == 400
    assert re.fullmatch(r"the body is not readable CSV: not UTF-8 at byte \d+", answer.json()["error"])
    assert quarantined(rig).payload == body
    assert capfd.readouterr().err == ""


def test_too_many_records_are_413(make_rig: MakeRig) -> None:
    rig = make_rig(max_records=3)
    answer = client_of(rig).post("/v1/predictions", json=[prediction(str(n)) for n in range(4)])
    assert answer.status_code == 413
    assert "more than max_records = 3 records" in quarantined(rig).reason
    assert rig.inbox.records_waiting() == 0


def test_a_gzip_bomb_is_413_and_takes_no_memory(make_rig: MakeRig) -> None:
    rig = make_rig(max_body_bytes=2**20)
    bomb = gzip.compress(b" " * 2**28)
    http = client_of(rig)
    tracemalloc.start()
    answer = http.post("/v1/predictions", content=bomb, headers=JSON | {"content-encoding": "gzip"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert "larger than max_body_bytes = 1048576" in quarantined(rig).reason
    assert quarantined(rig).payload == b""
    assert peak < 16 * 2**20


def test_without_room_in_the_inbox_it_is_503_with_retry_after_until_there_is(make_rig: MakeRig) -> None:
    rig = make_rig(inbox_max_bytes=2**20)
    http = client_of(rig)
    large = [prediction(str(n), features={"text": "x" * 100_000}) for n in range(12)]
    answer = http.post("/v1/predictions", json=large)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "inbox_max_bytes is 1048576" in answer.json()["error"]
    assert http.post("/v1/predictions", json=large[:2]).status_code == 202


def test_keys_decide_who_may_send(rig: Rig, now: datetime) -> None:
    stranger, here = client_of(rig, "10.0.0.7"), client_of(rig)
    assert stranger.post("/v1/predictions", json=[]).status_code == 401
    assert here.post("/v1/predictions", json=[]).status_code == 202
    with rig.db.session() as session:
        ingest, read = (keys.create_key(session, role, role, now) for role in (Role.INGEST, Role.READ))
    refused = here.post("/v1/predictions", json=[prediction()])
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    headers = {"authorization": f"Bearer {read}"}
    assert stranger.post("/v1/labels", json=[], headers=headers).status_code == 403
    assert stranger.post("/v1/labels", json=[], headers={"x-api-key": ingest}).status_code == 202
    assert rig.inbox.records_waiting() == 0


def test_outcomes_are_counted(rig: Rig) -> None:
    registry = CollectorRegistry()
    rig.collector.metrics = CollectorMetrics(registry)
    http = client_of(rig)
    for _ in range(2):
        http.post("/v1/predictions", json=[prediction(), 3, prediction("b")], headers={"idempotency-key": "k"})

    def count(outcome: str) -> float | None:
        return registry.get_sample_value("kedge_records_total", {"kind": "predictions", "outcome": outcome})

    assert [count(outcome) for outcome in ("accepted", "refused", "repeated")] == [2, 1, 3]
    assert registry.get_sample_value("kedge_requests_total", {"kind": "predictions", "status": "202"}) == 2


json_bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["model", "features", "score", "label", "event_time", "tags", "?"]), inner)
    ),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=100) | json_bodies, kind=st.sampled_from(Kind), encoding=st.sampled_from(["", "gzip"]))
def test_no_body_is_a_500_and_every_record_is_accepted_or_refused(
    rig: Rig, http: Client, body: bytes, kind: Kind, encoding: str
) -> None:
    headers = JSON | ({"content-encoding": encoding} if encoding else {})
    answer = http.post(f"/v1/{kind}?model=m", content=gzip.compress(body) if encoding else body, headers=headers)
    assert answer.status_code in (202, 400, 422)
    if answer.status_code != 400:
        sent = json.loads(body)
        if isinstance(sent, dict) and set(sent) == {"records"}:
            sent = sent["records"]
        told = answer.json()
        assert told["accepted"] + told["refused_total"] == (len(sent) if isinstance(sent, list) else 1)


def test_the_api_description_names_every_address_and_every_field() -> None:
    paths = openapi_paths()
    assert set(paths) == {"/v1/predictions", "/v1/labels", "/v1/logs", "/v1/traces", "/api/v1/traces"}
    text = json.dumps(paths)
    for name in ("prediction_id", "sampling_fraction", "label_time", "Idempotency-Key", "413", "429", "503", "format"):
        assert name in text


@pytest.fixture
def served(rig: Rig) -> Iterator[str]:
    """The collector behind a real server on a real socket."""
    rig.settings.max_body_bytes = 2**20
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app_of(rig), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def test_over_a_real_socket_many_senders_at_once_lose_nothing(rig: Rig, served: str) -> None:
    async def send_all() -> list[int]:
        async with httpx.AsyncClient(base_url=served) as http:
            batches = [[prediction(f"{batch}-{n}") for n in range(20)] for batch in range(30)]
            answers = await asyncio.gather(*(http.post("/v1/predictions", json=batch) for batch in batches))
            return [answer.status_code for answer in answers]

    assert set(asyncio.run(send_all())) == {202}
    rig.flush()
    assert len({row["prediction_id"] for row in rig.stored("income")}) == 600


@pytest.mark.parametrize("announced", [True, False], ids=["with its length", "in chunks"])
def test_a_100_mb_body_is_413_and_takes_no_memory(rig: Rig, served: str, announced: bool) -> None:
    piece = b" " * 2**20

    def pieces() -> Iterator[bytes]:
        yield from [piece] * 100

    headers = JSON | ({"content-length": str(100 * 2**20)} if announced else {})
    tracemalloc.start()
    try:
        answer = httpx.post(f"{served}/v1/predictions", content=pieces(), headers=headers)
        status, reason = answer.status_code, answer.json()["error"]
    except httpx.TransportError:  # closed in our face after four times the limit; the answer may be lost with it
        status, reason = 413, "larger than max_body_bytes"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (status, "larger than max_body_bytes" in reason) == (413, True)
    assert "larger than max_body_bytes = 1048576" in quarantined(rig).reason
    assert peak < 16 * 2**20
    assert httpx.post(f"{served}/v1/predictions", json=prediction()).status_code == 202


def test_a_body_somewhat_over_the_limit_gets_its_answer_over_a_real_socket(rig: Rig, served: str) -> None:
    answer = httpx.post(f"{served}/v1/predictions", content=b" " * 3 * 2**20, headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "application/octet-stream"])
def test_a_media_type_that_says_nothing_leaves_the_format_to_the_body(http: Client, media_type: str) -> None:
    """`curl -d` names a form whatever it sends."""
    content = b'{"model": "churn", "features": {"age": 41}, "prediction": 1}'
    answer = http.post("/v1/predictions", content=content, headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
