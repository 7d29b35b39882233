from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from collectors.client import KedgeMiddleware, PredictionLogger

from .conftest import LoopbackCollector

INSTANCES = {"instances": [{"temp": 31.5, "carrier": "UA"}, {"temp": 20, "carrier": "B6"}]}
ANSWER = b'{"predictions":  [{"prediction": 1, "score": 0.75}, {"prediction":0,"score":0.25}], "model_version":"4"}'


@pytest.fixture
def logger(new_logger: Callable[..., PredictionLogger]) -> PredictionLogger:
    return new_logger(version="none named")


async def predict(request: Request) -> Response:
    await request.body()
    return Response(ANSWER, media_type="application/json")


class Client:
    """Posts to an application in this process."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def post(self, path: str, **content: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
                return await client.post(path, **content)

        return asyncio.run(send())


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The application behind a real server; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def client_of(endpoint: Callable[[Request], Any], logger: PredictionLogger, **options: Any) -> Client:
    app = Starlette(routes=[Route("/predict", endpoint, methods=["POST"]), Route("/other", endpoint, methods=["POST"])])
    app.add_middleware(KedgeMiddleware, logger=logger, **options)
    return Client(app)


def logged(collector: LoopbackCollector, logger: PredictionLogger) -> list[dict[str, Any]]:
    assert logger.flush(10)
    return collector.stored()


def test_a_call_is_logged_as_one_record_per_prediction(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    before = time.time()
    answer = client_of(predict, logger).post("/predict", json=INSTANCES, headers={"x-request-id": "r1"})
    assert answer.content == ANSWER
    first, second = logged(collector, logger)
    assert before <= first.pop("event_time") <= time.time()
    assert 0 < first.pop("latency_ms") < 5000
    assert first == {
        "model": "late",
        "version": "4",
        "prediction_id": "r1",
        "features": {"temp": 31.5, "carrier": "UA"},
        "prediction": 1,
        "score": 0.75,
        "status_code": 200,
        "request_bytes": len(answer.request.content),
        "response_bytes": len(ANSWER),
    }
    assert (second["prediction_id"], second["prediction"]) == ("r1/1", 0)


def test_calls_without_an_id_get_one_each(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    client = client_of(predict, logger)
    for _ in range(2):
        client.post("/predict", json=INSTANCES)
    assert len({record["prediction_id"] for record in logged(collector, logger)}) == 4


def test_other_paths_are_left_alone(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    client = client_of(predict, logger)
    assert client.post("/other", json=INSTANCES).content == ANSWER
    assert logged(collector, logger) == []


def test_paths_may_be_patterns(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    client_of(predict, logger, paths=["/oth*"]).post("/other", json=INSTANCES)
    assert len(logged(collector, logger)) == 2


def test_a_streamed_answer_passes_chunk_by_chunk_and_is_read_whole(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    chunks = [ANSWER[:10], ANSWER[10:11], b"", ANSWER[11:]]

    async def stream(request: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for chunk in chunks:
                yield chunk

        await request.body()
        return StreamingResponse(body(), media_type="application/json")

    passed = asyncio.run(messages_of(client_of(stream, logger).app, json.dumps(INSTANCES).encode()))
    bodies = [message.get("body", b"") for message in passed if message["type"] == "http.response.body"]
    assert bodies[: len(chunks)] == chunks
    assert [record["score"] for record in logged(collector, logger)] == [0.75, 0.25]


async def messages_of(app: Any, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> list[dict[str, Any]]:
    """What an ASGI application sends for one POST to /predict, whose body comes in pieces of 7 bytes."""
    pieces = [body[i : i + 7] for i in range(0, len(body), 7)]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers or [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return sent


def test_the_record_is_logged_only_after_the_answer_is_out() -> None:
    order: list[str] = []

    class Noting:
        def log(self, **_: Any) -> None:
            order.append("logged")

        def count_unread(self) -> int:
            return 2

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": ANSWER})

    async def run() -> None:
        async def send(message: Any) -> None:
            order.append(message["type"])

        middleware = KedgeMiddleware(app, logger=Noting())  # type: ignore[arg-type]
        await middleware({"type": "http", "path": "/predict", "headers": []}, _nothing, send)

    asyncio.run(run())
    assert order == ["http.response.start", "http.response.body", "logged"]


async def _nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def test_zipped_bodies_pass_through_zipped_and_are_read(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
    app.add_middleware(GZipMiddleware, minimum_size=1)
    app.add_middleware(KedgeMiddleware, logger=logger)
    answer = Client(app).post(
        "/predict",
        content=gzip.compress(json.dumps(INSTANCES).encode()),
        headers={"content-encoding": "gzip", "accept-encoding": "gzip"},
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == ANSWER
    assert [record["prediction"] for record in logged(collector, logger)] == [1, 0]


def test_a_failed_call_is_logged_per_instance_with_its_reason(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    async def refuse(request: Request) -> Response:
        await request.body()
        return JSONResponse({"detail": "row 1: no temperature"}, status_code=422)

    answer = client_of(refuse, logger).post("/predict", json={**INSTANCES, "ids": ["a", "b"]})
    assert answer.json() == {"detail": "row 1: no temperature"}
    records = logged(collector, logger)
    assert [record["prediction_id"] for record in records] == ["a", "b"]
    assert {record["status_code"] for record in records} == {422}
    assert {record["error"] for record in records} == {"row 1: no temperature"}
    assert records[1]["features"] == {"temp": 20, "carrier": "B6"}
    assert "prediction" not in records[0]


def test_a_failed_call_that_can_not_be_read_is_one_record(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    async def fail(request: Request) -> Response:
        await request.body()
        return Response("it broke", status_code=500)

    client_of(fail, logger).post("/predict", content=b"{not json")
    [record] = logged(collector, logger)
    assert (record["status_code"], record["error"], record["features"]) == (500, "http 500", {})


def test_an_exception_of_the_endpoint_is_logged_and_raised_on(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        raise KeyError("temp")

    with pytest.raises(KeyError, match="temp"):
        asyncio.run(messages_of(KedgeMiddleware(app, logger=logger), json.dumps(INSTANCES).encode()))
    records = logged(collector, logger)
    assert [(record["status_code"], record["error"]) for record in records] == [(500, "KeyError: 'temp'")] * 2
    assert records[0]["features"] == {"temp": 31.5, "carrier": "UA"}


def test_an_answer_that_breaks_off_counts_as_a_failure(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})

    asyncio.run(messages_of(KedgeMiddleware(app, logger=logger), b""))
    [record] = logged(collector, logger)
    assert (record["status_code"], record["error"]) == (500, "the endpoint did not finish its answer")


def test_a_client_that_leaves_is_logged_as_such(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(3600)

    async def run() -> None:
        task = asyncio.create_task(messages_of(KedgeMiddleware(app, logger=logger), b""))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert logged(collector, logger)[0]["status_code"] == 499


def test_an_answer_that_can_not_be_read_is_logged_without_prediction_and_counted(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    async def odd(request: Request) -> Response:
        await request.body()
        return JSONResponse({"answer": 42})

    assert client_of(odd, logger).post("/predict", json=INSTANCES).json() == {"answer": 42}
    records = logged(collector, logger)
    assert [record["features"]["carrier"] for record in records] == ["UA", "B6"]
    assert all("prediction" not in record and "error" not in record for record in records)
    assert logger.stats.unread == 1


def test_bodies_beyond_the_limit_pass_whole_but_are_not_kept(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    big = json.dumps({"predictions": [1] * 50_000}).encode()

    async def much(request: Request) -> Response:
        await request.body()
        return Response(big)

    assert client_of(much, logger, max_body_bytes=1000).post("/predict", json=INSTANCES).content == big
    assert len(logged(collector, logger)) == 2
    assert logger.stats.unread == 1


def test_read_replaces_the_shapes_that_are_understood(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    async def odd(request: Request) -> Response:
        await request.body()
        return JSONResponse({"answer": 42})

    def read(request: Any, response: Any) -> list[dict[str, Any]]:
        return [{"features": request["x"], "prediction": response["answer"], "tags": {"team": "a"}, "version": "9"}]

    client_of(odd, logger, read=read).post("/predict", json={"x": {"a": 1}})
    [record] = logged(collector, logger)
    assert (record["features"], record["prediction"], record["tags"]) == ({"a": 1}, 42, {"team": "a"})
    assert record["version"] == "9"


@pytest.mark.parametrize("read", [lambda q, r: 1 / 0, lambda q, r: None, lambda q, r: [{"no_such_field": 1}]])
def test_a_read_that_fails_does_not_reach_the_caller(
    collector: LoopbackCollector, logger: PredictionLogger, read: Any
) -> None:
    assert client_of(predict, logger, read=read).post("/predict", json=INSTANCES).content == ANSWER
    logger.flush(10)
    assert logger.stats.unread == 1


@pytest.mark.parametrize(
    ("header", "given", "expected"),
    [
        ("x-event-time", "2013-04-01T10:00:00+00:00", "2013-04-01T10:00:00Z"),
        ("X-Event-Time", "1364810400", "2013-04-01T10:00:00Z"),
        ("x-event-time", "nonsense", None),
        (None, "2013-04-01T10:00:00Z", None),
    ],
)
def test_a_header_gives_the_event_time_only_where_that_was_asked_for(
    collector: LoopbackCollector, logger: PredictionLogger, header: str | None, given: str, expected: str | None
) -> None:
    client = client_of(predict, logger, event_time_header=header)
    client.post("/predict", json=INSTANCES, headers={"x-event-time": given})
    times = {record["event_time"] for record in logged(collector, logger)}
    if expected is not None:
        assert times == {expected}
    else:
        assert abs(times.pop() - time.time()) < 60


def test_the_endpoint_serves_on_while_the_collector_is_down(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    collector.stop()
    client = client_of(predict, logger)
    for _ in range(20):
        assert client.post("/predict", json=INSTANCES).content == ANSWER
    collector.start()
    assert len(logged(collector, logger)) == 40


def test_fastapi_needs_one_line_and_the_shutdown_sends_what_waits(collector: LoopbackCollector) -> None:
    app = FastAPI()

    @app.post("/predict")
    def predict(body: dict[str, Any]) -> dict[str, Any]:
        return {"predictions": [1 for _ in body["instances"]]}

    app.add_middleware(KedgeMiddleware, model="late", collector_url=collector.url, version="2")
    with served(app) as url:
        assert httpx.post(f"{url}/predict", json=INSTANCES).json() == {"predictions": [1, 1]}
    assert [(record["model"], record["version"]) for record in collector.stored()] == [("late", "2")] * 2


def test_what_is_missing_is_said_at_the_start(logger: PredictionLogger) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(ValueError, match="logger, or a model"):
        KedgeMiddleware(app, model="late")
    with pytest.raises(ValueError, match="list of paths"):
        KedgeMiddleware(app, logger=logger, paths="/predict")


def test_a_real_server_over_tcp_answers_the_same_bytes_with_and_without_the_middleware(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    async def stream(request: Request) -> Response:
        async def body() -> AsyncIterator[bytes]:
            for piece in (ANSWER[:20], ANSWER[20:]):
                yield piece

        await request.body()
        return StreamingResponse(body(), media_type="application/json")

    plain = Starlette(routes=[Route("/predict", stream, methods=["POST"])])
    answers = []
    for app in (plain, KedgeMiddleware(plain, logger=logger)):
        with served(app) as url:
            answers.append(httpx.post(f"{url}/predict", json=INSTANCES))
    without, with_kedge = answers
    assert without.content == with_kedge.content == ANSWER
    assert without.headers.keys() == with_kedge.headers.keys()
    assert len(logged(collector, logger)) == 2
