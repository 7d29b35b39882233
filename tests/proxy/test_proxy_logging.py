"""What the proxy logs of the calls it forwards."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collectors.client import PredictionLogger
from collectors.client.call import Body
from collectors.proxy.exchange import Exchange, is_prediction
from collectors.proxy.recorder import Recorder
from collectors.proxy.relay import Rules
from monitor.config import MappingSettings

from .conftest import NewProxy, Noted, RawTarget, post, response, says

ROWS = b'{"instances":[{"age":41,"city":"Bern"},{"age":20,"city":"Rom"}]}'
TENSORS = (
    b'{"id":"req-1","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}]}',
    b'{"id":"req-1","model_name":"m","model_version":"v3","outputs":[{"name":"predict","shape":[2],'
    b'"datatype":"INT64","data":[0,1]}]}',
)


def answered(target: RawTarget, body: bytes, status: bytes = b"200 OK", headers: bytes = b"") -> None:
    target.answer = says(response(body, status, b"Content-Type: application/json\r\n" + headers))


def test_a_call_is_one_record_per_row(target: RawTarget, new_proxy: NewProxy) -> None:
    answered(target, b'{"predictions":[1,0]}')
    proxy = new_proxy()
    proxy.ask(post(ROWS, headers=b"X-Request-Id: r1\r\n"))
    first, second = proxy.records()
    assert first.pop("latency_ms") > 0
    assert first.pop("event_time") > 1_700_000_000
    assert first == {
        "prediction_id": "r1", "features": {"age": 41, "city": "Bern"}, "prediction": 1, "status_code": 200,
        "request_bytes": len(ROWS), "response_bytes": len(b'{"predictions":[1,0]}'),
    }  # fmt: skip
    assert (second["prediction_id"], second["prediction"]) == ("r1/1", 0)


def test_tensors_are_read_and_their_id_comes_first(target: RawTarget, new_proxy: NewProxy) -> None:
    answered(target, TENSORS[1])
    proxy = new_proxy()
    proxy.ask(post(TENSORS[0], b"/v2/models/m/infer", b"X-Request-Id: other\r\n"))
    records = proxy.records()
    assert [record["prediction_id"] for record in records] == ["req-1", "req-1/1"]
    assert [record["features"] for record in records] == [{"x_0": 1, "x_1": 2}, {"x_0": 3, "x_1": 4}]
    assert [(record["prediction"], record["version"]) for record in records] == [(0, "v3"), (1, "v3")]


@pytest.mark.parametrize(
    ("asked", "told", "expected"),
    [
        (b"X-Request-Id: a\r\nce-id: b\r\n", b"ce-id: c\r\n", "a"),
        (b"ce-id: b\r\n", b"ce-id: c\r\n", "b"),
        (b"", b"ce-id: c\r\n", "c"),
    ],
)
def test_the_id_comes_from_the_headers(
    target: RawTarget, new_proxy: NewProxy, asked: bytes, told: bytes, expected: str
) -> None:
    answered(target, b"[1,0]", headers=told)
    proxy = new_proxy()
    got = proxy.ask(post(ROWS, headers=asked))
    assert got.get("x-kedge-id") is None
    assert proxy.records()[0]["prediction_id"] == expected


def test_a_call_without_any_id_gets_one_that_is_told_if_asked_for(target: RawTarget, new_proxy: NewProxy) -> None:
    proxy = new_proxy(rules=Rules(id_header=b"X-Kedge-Id"))
    row = b'{"instances":[{"age":41}]}'
    told = [proxy.ask(post(row)).get("x-kedge-id") for _ in range(2)]
    told.append(proxy.ask(post(row, headers=b"X-Request-Id: r1\r\n")).get("x-kedge-id"))
    assert [record["prediction_id"] for record in proxy.records()] == told
    assert len(set(told)) == 3
    assert told[2] == "r1"


def test_an_id_in_the_body_is_told_as_well(target: RawTarget, new_proxy: NewProxy) -> None:
    answered(target, TENSORS[1])
    proxy = new_proxy(rules=Rules(id_header=b"X-Kedge-Id"))
    assert proxy.ask(post(TENSORS[0])).get("x-kedge-id") == "req-1"
    assert proxy.records()[0]["prediction_id"] == "req-1"


@pytest.mark.parametrize("sent", ["a\\r\\nX-Evil: 1", "ä", " a", "x" * 400])
def test_an_id_that_no_header_can_hold_is_not_told_and_does_no_harm(
    target: RawTarget, new_proxy: NewProxy, sent: str
) -> None:
    answered(target, TENSORS[1])
    proxy = new_proxy(rules=Rules(id_header=b"X-Kedge-Id"))
    got = proxy.ask(post(TENSORS[0].replace(b"req-1", sent.encode())))
    assert got.start == b"HTTP/1.1 200 OK"
    assert got.get("x-evil") is None
    told, [first, _] = got.get("x-kedge-id"), proxy.records()
    assert told is None or told == first["prediction_id"]


def test_zipped_bodies_are_read(target: RawTarget, new_proxy: NewProxy) -> None:
    answered(target, gzip.compress(b"[1,0]"), headers=b"Content-Encoding: gzip\r\n")
    proxy = new_proxy()
    proxy.ask(post(gzip.compress(ROWS), headers=b"Content-Encoding: gzip\r\n"))
    assert [(record["features"]["age"], record["prediction"]) for record in proxy.records()] == [(41, 1), (20, 0)]


def test_a_zip_bomb_is_not_unpacked(target: RawTarget, new_proxy: NewProxy) -> None:
    proxy = new_proxy(max_body_bytes=100_000)
    proxy.ask(post(gzip.compress(b"[" + b" " * 50_000_000 + b"]"), headers=b"Content-Encoding: gzip\r\n"))
    [record] = proxy.records()
    assert "features" not in record
    assert proxy.recorder.counts["unread"] == 1


def test_a_failed_call_is_logged_per_row_with_its_error(target: RawTarget, new_proxy: NewProxy) -> None:
    answered(target, b'{"error":"no such column"}', b"500 Internal Server Error")
    proxy = new_proxy()
    proxy.ask(post(ROWS))
    records = proxy.records()
    assert [(record["status_code"], record["error"]) for record in records] == [(500, "no such column")] * 2
    assert not any("prediction" in record for record in records)
    assert proxy.recorder.counts["unread"] == 0


@pytest.mark.parametrize(
    ("body", "answer"), [(b"\x00\x01", b"[1]"), (ROWS, b"<html>"), (ROWS, b"[1,0,1]"), (b"", b""), (ROWS, b"")]
)
def test_what_can_not_be_read_is_left_out_and_counted(
    target: RawTarget, new_proxy: NewProxy, body: bytes, answer: bytes
) -> None:
    answered(target, answer)
    proxy = new_proxy()
    assert proxy.ask(post(body)).body == answer
    records = proxy.records()
    assert records
    assert all(record["status_code"] == 200 for record in records)
    assert (proxy.recorder.counts["unread"], proxy.logger.unread) == (1, 1)


def test_a_mapping_names_the_columns(target: RawTarget, new_proxy: NewProxy) -> None:
    answered(target, b"[7]")
    proxy = new_proxy(mapping=MappingSettings(columns=("age", "city")))
    proxy.ask(post(b'{"instances":[[41,"Bern"]]}'))
    assert proxy.records()[0]["features"] == {"age": 41, "city": "Bern"}


def test_calls_that_are_no_predictions_are_forwarded_and_not_logged(target: RawTarget, new_proxy: NewProxy) -> None:
    proxy = new_proxy()
    for path in (b"/v2/health/ready", b"/v2/repository/index", b"/metrics", b"/feedback"):
        assert proxy.ask(post(b"{}", path)).start == b"HTTP/1.1 200 OK"
    proxy.ask(b"GET /predict HTTP/1.1\r\nHost: m\r\n\r\n")
    assert proxy.records() == []
    assert len(target.requests) == 5


def test_the_paths_to_log_may_be_named() -> None:
    only = ("/score/*", "/classify")
    asked = ["/score/a?x=1", "/classify", "/predict", "/score"]
    assert [is_prediction("POST", path, only) for path in asked] == [True, True, False, False]
    assert not is_prediction("GET", "/classify", only)


def test_reading_never_holds_up_the_answers(target: RawTarget, new_proxy: NewProxy) -> None:
    go_on = threading.Event()

    class Slow(Noted):
        def log(self, **fields: Any) -> str:
            assert go_on.wait(10)
            return super().log(**fields)

    proxy = new_proxy(logger=Slow())
    wire = proxy.connect()
    for _ in range(20):
        wire.send(post(b'{"instances":[[1]]}'))
        assert wire.read_message() is not None
    go_on.set()
    assert len(proxy.records()) == 20


def test_what_waits_to_be_read_is_bounded_and_what_is_dropped_is_counted() -> None:
    go_on = threading.Event()

    class Slow(Noted):
        def log(self, **fields: Any) -> str:
            assert go_on.wait(10)
            return super().log(**fields)

    logger: Any = Slow()
    recorder = Recorder(logger, queue_bytes=10 * 4000)
    for _ in range(100):
        recorder.put(exchange(b"[[1]]" + b" " * 1990, b"[1]"))
    go_on.set()
    recorder.close(10)
    assert 5 < len(logger.records) <= 12
    assert len(logger.records) + recorder.counts["dropped"] == recorder.counts["seen"] == 100


def test_an_error_nobody_foresaw_does_not_end_the_log() -> None:
    class Moody(Noted):
        def log(self, **fields: Any) -> str:
            if fields["prediction"] == 1:
                raise RuntimeError("moody")
            return super().log(**fields)

    logger: Any = Moody()
    recorder = Recorder(logger)
    for answer in (b"[1]", b"[2]"):
        recorder.put(exchange(b"[[1]]", answer))
    recorder.close(10)
    assert [record["prediction"] for record in logger.records] == [2]
    assert recorder.counts["failed"] == 1


def exchange(asked: bytes, told: bytes) -> Exchange:
    made = Exchange("POST", "/predict", [], Body(10_000), Body(10_000))
    made.request.add(asked)
    made.response.add(told)
    made.status = 200
    made.end()
    return made


def test_while_the_collector_is_away_calls_are_served_and_spooled(
    target: RawTarget, new_proxy: NewProxy, tmp_path: Path
) -> None:
    logger = PredictionLogger("http://127.0.0.1:9", "m", spool_dir=tmp_path, first_retry_seconds=0.01)
    proxy = new_proxy(logger=logger)
    wire = proxy.connect()
    for number in range(20):
        wire.send(post(b'{"instances":[{"n":%d}]}' % number))
        assert (answer := wire.read_message()) is not None
        assert answer.body == b'{"predictions":[1]}'
    proxy.stop()
    spooled = [record for path in sorted(tmp_path.glob("*.batch")) for record in json.loads(path.read_bytes())]
    assert [record["features"]["n"] for record in spooled] == list(range(20))
    assert {record["model"] for record in spooled} == {"m"}


def test_many_clients_at_once_each_get_their_own_answer(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = lambda wire, request: wire.send(response(request.body)) is None
    proxy = new_proxy()
    wrong: list[bytes] = []

    def work(number: int) -> None:
        wire = proxy.connect()
        for i in range(50):
            body = b'{"instances":[{"n":%d}]}' % (number * 1000 + i)
            wire.send(post(body))
            got = wire.read_message()
            if got is None or got.body != body:
                wrong.append(body)
        wire.close()

    run_all([lambda number=number: work(number) for number in range(8)])  # type: ignore[misc]
    assert wrong == []
    assert len(proxy.records()) == 400


def run_all(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
