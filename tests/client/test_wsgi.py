"""The WSGI middleware, in Flask and in bare applications checked by wsgiref's validator."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import flask
import httpx
import pytest

from collectors.client import KedgeWsgiMiddleware, PredictionLogger

from .conftest import LoopbackCollector

INSTANCES = {"instances": [{"temp": 31.5, "carrier": "UA"}, {"temp": 20, "carrier": "B6"}]}
ANSWER = b'{"predictions":  [{"prediction": 1, "score": 0.75}, {"prediction":0,"score":0.25}], "model_version":"4"}'
JSON = [("Content-Type", "application/json")]


@pytest.fixture
def logger(new_logger: Callable[..., PredictionLogger]) -> PredictionLogger:
    return new_logger()


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The application behind a real server; its address."""
    server: WSGIServer = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def run(app: Any, body: bytes = b"{}", path: str = "/predict", **environ: Any) -> tuple[list[Any], bytes]:
    """One POST as a server makes it: what start_response was told, and the body."""
    import io

    scope: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "CONTENT_LENGTH": str(len(body))}
    scope |= {"CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(body), **environ}
    setup_testing_defaults(scope)
    told: list[Any] = []
    pieces = app(scope, lambda *answer: told.append(answer) or told.append)
    try:
        return told, b"".join(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()


def predict(environ: Any, start_response: Any) -> Iterable[bytes]:
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", JSON)
    return [ANSWER]


def logged(collector: LoopbackCollector, logger: PredictionLogger) -> list[dict[str, Any]]:
    assert logger.flush(10)
    return collector.stored()


def test_flask_needs_one_line(collector: LoopbackCollector) -> None:
    app = flask.Flask("endpoint")

    @app.post("/predict")
    def answer() -> Any:
        rows = flask.request.get_json()["instances"]
        return {"predictions": [{"prediction": int(row["temp"] > 25), "score": row["temp"] / 100} for row in rows]}

    app.wsgi_app = KedgeWsgiMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, model="late", collector_url=collector.url, version="2"
    )
    with served(app) as url:
        answers = [httpx.post(f"{url}/predict", json=INSTANCES, headers={"x-request-id": "r1"}) for _ in range(2)]
        assert httpx.get(f"{url}/nothing").status_code == 404
    assert answers[0].json()["predictions"][0] == {"prediction": 1, "score": 0.315}
    app.wsgi_app.logger.close()  # type: ignore[attr-defined]
    first, second = collector.stored()[:2]
    assert 0 < first.pop("latency_ms") < 5000
    assert first.pop("event_time") > 1_700_000_000
    assert first == {
        "model": "late", "version": "2", "prediction_id": "r1", "features": {"temp": 31.5, "carrier": "UA"},
        "prediction": 1, "score": 0.315, "status_code": 200,
        "request_bytes": len(answers[0].request.content), "response_bytes": len(answers[0].content),
    }  # fmt: skip
    assert second["prediction_id"] == "r1/1"


def test_an_error_that_flask_answers_is_logged_with_its_status(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    app = flask.Flask("endpoint")

    @app.post("/predict")
    def answer() -> Any:
        return {"rows": flask.request.get_json()["no such key"]}

    app.wsgi_app = KedgeWsgiMiddleware(app.wsgi_app, logger=logger)  # type: ignore[method-assign]
    answer_out = app.test_client().post("/predict", json=INSTANCES)
    assert (answer_out.status_code, b"Internal Server Error" in answer_out.get_data()) == (500, True)
    records = logged(collector, logger)
    assert [record["status_code"] for record in records] == [500, 500]
    assert records[0]["features"] == {"temp": 31.5, "carrier": "UA"}


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
def test_it_keeps_the_rules_of_wsgi_on_both_sides(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    def strict(environ: Any, start_response: Any) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        read = [stream.read(5), stream.readline(7), *stream.readlines(3), *stream]
        start_response("200 OK", JSON)
        yield json.dumps({"predictions": [len(b"".join(read))]}).encode()

    app = validator(KedgeWsgiMiddleware(validator(strict), logger=logger))
    body = json.dumps({"instances": [{"a": 1}]}).encode() + b"\n"
    told, answer = run(app, body, QUERY_STRING="", SCRIPT_NAME="")
    assert told[0][0] == "200 OK"
    assert json.loads(answer) == {"predictions": [len(body)]}
    [record] = logged(collector, logger)
    assert (record["features"], record["prediction"]) == ({"a": 1}, len(body))


def test_pieces_pass_one_by_one_while_the_application_still_works(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    made: list[bytes] = []

    def stream(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", JSON)
        for piece in (ANSWER[:9], b"", ANSWER[9:]):
            made.append(piece)
            yield piece

    pieces = KedgeWsgiMiddleware(stream, logger=logger)(environ_of(INSTANCES), lambda *_: made.append)
    assert next(iter(pieces)) == ANSWER[:9]
    assert len(made) == 1
    assert logger.stats.logged == 0
    assert list(pieces) == [b"", ANSWER[9:]]
    pieces.close()  # type: ignore[attr-defined]
    assert [record["score"] for record in logged(collector, logger)] == [0.75, 0.25]


def environ_of(content: Any) -> dict[str, Any]:
    import io

    body = json.dumps(content).encode()
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/predict", "CONTENT_LENGTH": str(len(body))}
    environ["wsgi.input"] = io.BytesIO(body)
    setup_testing_defaults(environ)
    return environ


def test_however_the_application_reads_the_body_it_is_kept(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    def read(environ: Any, start_response: Any) -> Iterable[bytes]:
        stream, buffer = environ["wsgi.input"], bytearray(1000)
        parts = [stream.read1(3), bytes(buffer[: stream.readinto(buffer)])]
        assert json.loads(b"".join(parts)) == INSTANCES
        assert stream.readinto(buffer) == 0
        assert stream.seekable()
        start_response("200 OK", JSON)
        return [ANSWER]

    assert run(KedgeWsgiMiddleware(read, logger=logger), json.dumps(INSTANCES).encode())[1] == ANSWER
    assert [record["features"]["temp"] for record in logged(collector, logger)] == [31.5, 20]


def test_what_is_written_the_old_way_is_read_too(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    written: list[bytes] = []

    def old(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", JSON)(ANSWER)
        return []

    pieces = KedgeWsgiMiddleware(old, logger=logger)(environ_of(INSTANCES), lambda *_: written.append)
    assert list(pieces) == []
    pieces.close()  # type: ignore[attr-defined]
    assert written == [ANSWER]
    assert [record["prediction"] for record in logged(collector, logger)] == [1, 0]


def test_the_number_of_pieces_stays_known_where_it_was(logger: PredictionLogger) -> None:
    sized = KedgeWsgiMiddleware(predict, logger=logger)(environ_of({}), lambda *_: print)
    assert len(sized) == 1  # type: ignore[arg-type]

    def generator(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", JSON)
        yield b""

    assert not hasattr(KedgeWsgiMiddleware(generator, logger=logger)(environ_of({}), lambda *_: print), "__len__")


def test_the_applications_close_is_called_once(logger: PredictionLogger) -> None:
    closed: list[int] = []

    class Pieces(list[bytes]):
        def close(self) -> None:
            closed.append(1)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", JSON)
        return Pieces([b"{}"])

    run(KedgeWsgiMiddleware(app, logger=logger))
    assert closed == [1]


def test_other_paths_are_left_alone(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    app = KedgeWsgiMiddleware(predict, logger=logger, paths=["/models/*"])
    environ = environ_of(INSTANCES)
    assert app(environ, lambda *_: print) == [ANSWER]
    assert run(app, json.dumps(INSTANCES).encode(), "/churn", SCRIPT_NAME="/models")[1] == ANSWER
    assert len(logged(collector, logger)) == 2


@pytest.mark.parametrize("when", ["before", "during"])
def test_an_exception_is_logged_and_raised_on(
    collector: LoopbackCollector, logger: PredictionLogger, when: str
) -> None:
    def fail(environ: Any, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        if when == "before":
            raise KeyError("temp")

        def pieces() -> Iterator[bytes]:
            start_response("200 OK", JSON)
            yield b"{"
            raise KeyError("temp")

        return pieces()

    with pytest.raises(KeyError, match="temp"):
        run(KedgeWsgiMiddleware(fail, logger=logger), json.dumps(INSTANCES).encode())
    records = logged(collector, logger)
    assert [(record["status_code"], record["error"]) for record in records] == [(500, "KeyError: 'temp'")] * 2


def test_an_error_page_takes_the_place_of_the_answer_that_had_begun(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    def change(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", JSON)
        try:
            raise ValueError("late")
        except ValueError as error:
            start_response("503 Later", JSON, (ValueError, error, None))
        return [b'{"error": "later"}']

    told, _ = run(KedgeWsgiMiddleware(change, logger=logger))
    assert [answer[0] for answer in told] == ["200 OK", "503 Later"]
    [record] = logged(collector, logger)
    assert (record["status_code"], record["error"]) == (503, "later")


def test_a_client_that_leaves_is_logged_as_such(collector: LoopbackCollector, logger: PredictionLogger) -> None:
    def stream(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", JSON)
        while True:
            yield b" "

    pieces = KedgeWsgiMiddleware(stream, logger=logger)(environ_of(INSTANCES), lambda *_: print)
    next(iter(pieces))
    pieces.close()  # type: ignore[attr-defined]
    assert logged(collector, logger)[0]["status_code"] == 499


def test_bodies_beyond_the_limit_pass_whole_but_are_not_kept(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    def echo(environ: Any, start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        start_response("200 OK", JSON)
        return [body]

    big = json.dumps({"instances": [1] * 5000}).encode()
    assert run(KedgeWsgiMiddleware(echo, logger=logger, max_body_bytes=1000), big)[1] == big
    assert len(logged(collector, logger)) == 1
    assert logger.stats.unread == 1


def test_the_endpoint_serves_on_while_the_collector_is_down(
    collector: LoopbackCollector, logger: PredictionLogger
) -> None:
    collector.stop()
    app = KedgeWsgiMiddleware(predict, logger=logger)
    for _ in range(20):
        assert run(app, json.dumps(INSTANCES).encode())[1] == ANSWER
    collector.start()
    assert len(logged(collector, logger)) == 40


def test_a_real_server_sends_the_same_bytes_with_and_without_it(logger: PredictionLogger) -> None:
    answers = []
    for app in (predict, KedgeWsgiMiddleware(predict, logger=logger)):
        with served(app) as url:
            answers.append(httpx.post(f"{url}/predict", json=INSTANCES))
    without, with_kedge = answers
    assert without.content == with_kedge.content == ANSWER
    assert [(k, v) for k, v in without.headers.multi_items() if k != "date"] == [
        (k, v) for k, v in with_kedge.headers.multi_items() if k != "date"
    ]
