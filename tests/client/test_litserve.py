"""KedgeCallback driven as LitServe's worker loops drive it, and, where litserve is installed, by LitServe itself."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from collections.abc import Callable
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import pytest

from collectors.client import KedgeCallback, PredictionLogger

from .conftest import LoopbackCollector

REQUESTS = [{"input": {"temp": 31.5}}, {"input": {"temp": 20.0}, "prediction_id": "p2"}]


@pytest.fixture
def logger(new_logger: Callable[..., PredictionLogger]) -> PredictionLogger:
    return new_logger()


class Api:
    """As a LitAPI is written; `context` is injected where a method asks for it, by its signature."""

    def decode_request(self, request: dict[str, Any]) -> float:
        features = request.pop("input")  # endpoints do that
        return float(features["temp"])

    def predict(self, temps: list[float] | float, context: Any) -> Any:
        assert context is not None
        if isinstance(temps, list):
            return [self.predict(temp, context) for temp in temps]
        if temps < 0:
            raise ValueError("below zero")
        return temps > 25

    def encode_response(self, late: bool) -> dict[str, Any]:
        return {"output": str(late), "scores": {"True": 0.75, "False": 0.25}}


class AsyncApi:
    async def decode_request(self, request: dict[str, Any]) -> float:
        await asyncio.sleep(0)
        return float(request["input"]["temp"])

    async def predict(self, temp: float) -> bool:
        await asyncio.sleep(0.01 if temp > 25 else 0)  # the second overtakes the first
        return temp > 25

    def encode_response(self, late: bool) -> dict[str, Any]:
        return {"output": str(late)}


def inject(context: Any, function: Any, *args: Any) -> Any:
    """How LitServe 0.2 calls a method of the API."""
    takes = "context" in inspect.signature(function).parameters
    return function(*args, **({"context": context} if takes else {}))


def serve_batch(callback: Any, api: Any, requests: list[Any]) -> list[Any]:
    """LitServe's batched loop, its order of hooks and calls."""
    trigger(callback, "on_before_decode_request", api)
    decoded = [inject({}, api.decode_request, request) for request in requests]
    trigger(callback, "on_after_decode_request", api)
    trigger(callback, "on_before_predict", api)
    predicted = inject([{} for _ in requests], api.predict, decoded)
    trigger(callback, "on_after_predict", api)
    return [inject({}, api.encode_response, each) for each in predicted]


async def serve_one(callback: Any, api: Any, request: Any) -> Any:
    """LitServe's loop of async APIs, a task per request; functions that don't wait run in a thread."""
    trigger(callback, "on_before_decode_request", api)
    value = request
    for function in (api.decode_request, api.predict, api.encode_response):
        if inspect.iscoroutinefunction(function):
            value = await function(value)
        else:
            value = await asyncio.to_thread(function, value)
    return value


def trigger(callback: Any, hook: str, api: Any) -> None:
    getattr(callback, hook)(lit_api=api)


def set_up(callback: KedgeCallback, api: Any) -> Any:
    trigger(callback, "on_before_setup", api)
    trigger(callback, "on_after_setup", api)
    return api


def copies() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pickle.loads(pickle.dumps(REQUESTS))
    return found


def logged(collector: LoopbackCollector, logger: PredictionLogger) -> list[dict[str, Any]]:
    assert logger.flush(10)
    return collector.stored()


def test_each_request_of_a_batch_is_a_record(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    callback = KedgeCallback(logger)
    api = set_up(callback, Api())
    answers = copy_context().run(serve_batch, callback, api, copies())
    assert [answer["output"] for answer in answers] == ["True", "False"]
    first, second = logged(collector, logger)
    assert first["features"] == {"temp": 31.5}
    assert (first["prediction"], first["scores"]) == ("True", {"True": 0.75, "False": 0.25})
    assert 0 < first["latency_ms"] < 5000
    assert (second["prediction_id"], second["features"]["temp"], second["prediction"]) == ("p2", 20.0, "False")


def test_requests_of_an_async_api_keep_their_answers(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    callback = KedgeCallback(logger)
    api = set_up(callback, AsyncApi())

    async def run() -> list[Any]:
        tasks = [asyncio.create_task(serve_one(callback, api, request)) for request in copies()]
        return [await task for task in tasks]

    assert [answer["output"] for answer in asyncio.run(run())] == ["True", "False"]
    pairs = {(record["features"]["temp"], record["prediction"]) for record in logged(collector, logger)}
    assert pairs == {(31.5, "True"), (20.0, "False")}


def test_a_failed_batch_is_a_record_per_request(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    callback = KedgeCallback(logger)
    api = set_up(callback, Api())
    requests = [{"input": {"temp": 31.5}}, {"input": {"temp": -1}}]
    with pytest.raises(ValueError, match="below zero"):
        serve_batch(callback, api, requests)
    assert [answer["output"] for answer in serve_batch(callback, api, copies())] == ["True", "False"]
    records = logged(collector, logger)
    assert [(record["status_code"], record.get("error")) for record in records] == [
        *[(500, "ValueError: below zero")] * 2,
        *[(200, None)] * 2,
    ]
    assert [record["features"]["temp"] for record in records] == [31.5, -1, 31.5, 20.0]


def test_the_status_of_an_http_exception_is_kept(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    class Refusal(Exception):
        status_code, detail = 422, "no temperature"

    class Refusing(Api):
        def decode_request(self, request: dict[str, Any]) -> float:
            raise Refusal

    callback = KedgeCallback(logger)
    with pytest.raises(Refusal):
        serve_batch(callback, set_up(callback, Refusing()), copies())
    record = logged(collector, logger)[0]
    assert (record["status_code"], record["error"]) == (422, "no temperature")


def test_what_is_no_json_does_not_reach_the_endpoint(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    class Odd(Api):
        def decode_request(self, request: Any) -> float:
            return 20.0

    callback = KedgeCallback(logger)
    [answer] = serve_batch(callback, set_up(callback, Odd()), [object()])
    assert answer["output"] == "False"
    assert logger.stats.unread == 1
    assert logged(collector, logger) == []


def test_a_streaming_api_is_left_alone(logger: PredictionLogger) -> None:
    def predict(x: Any) -> Any:
        yield x

    api = SimpleNamespace(predict=predict)
    set_up(KedgeCallback(logger), api)
    assert api.predict is predict


def test_hooks_of_later_versions_do_nothing(logger: PredictionLogger) -> None:
    callback = KedgeCallback(logger)
    callback.on_whatever_comes(lit_api=None, litserver=None)
    with pytest.raises(AttributeError, match="of_course"):
        _ = callback.of_course


def test_it_can_be_sent_to_a_worker(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    callback = pickle.loads(pickle.dumps(KedgeCallback(logger)))
    serve_batch(callback, set_up(callback, Api()), copies())
    assert callback.logger is not logger
    assert callback.logger.flush(10)
    assert len(collector.stored()) == 2
    callback.logger.close()


def test_litserve_itself_takes_it_and_runs_it(collector: LoopbackCollector, tmp_path: Any) -> None:
    """Opt-in: only where litserve is installed, which Kedge's development environment is not."""
    pytest.importorskip("litserve")
    import os
    import signal
    import socket
    import subprocess
    import sys
    import time

    import httpx

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "served.py").write_text(
        "import litserve as ls\n"
        "from collectors.client import KedgeCallback, PredictionLogger\n"
        "class Api(ls.LitAPI):\n"
        "    def setup(self, device): pass\n"
        "    def decode_request(self, request): return request['input']['temp']\n"
        "    def predict(self, temp): return temp > 25\n"
        "    def encode_response(self, late): return {'output': late}\n"
        "if __name__ == '__main__':\n"
        f"    logger = PredictionLogger({collector.url!r}, 'late')\n"
        "    server = ls.LitServer(Api(), accelerator='cpu', callbacks=[KedgeCallback(logger)])\n"
        f"    server.run(port={port}, host='127.0.0.1', generate_client_file=False)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    server = subprocess.Popen([sys.executable, "served.py"], cwd=tmp_path, env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = httpx.post(f"http://127.0.0.1:{port}/predict", json=REQUESTS[0])
                if answer.status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert answer.json() == {"output": True}
        collector.wait_for(collector.requests.__len__, 20)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    record = collector.stored()[0]
    assert (record["features"], record["prediction"], record["status_code"]) == ({"temp": 31.5}, True, 200)
