"""Targets that reset, break off or are away, clients that go, and the end of the proxy."""

from __future__ import annotations

import json
import logging
import random
import socket
import threading
import time

import pytest

from collectors.proxy.target import Address

from .conftest import Message, NewProxy, RawTarget, RunningProxy, Wire, ok, post, response, says

ROW = b'{"instances":[{"age":41}]}'


def wait_until_idle(proxy: RunningProxy) -> None:
    """Until the proxy has taken the connection back that its target has closed, or not."""
    deadline = time.monotonic() + 5
    while proxy.proxy._target._idle and proxy.proxy._target._idle[0].is_usable:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def resets_every_second(target: RawTarget) -> None:
    """As MLServer does after an error: answer 500, then reset whatever comes next on that connection."""

    def answer(wire: Wire, request: Message) -> bool:
        wire.send(response(b'{"error":"it broke"}', b"500 Internal Server Error"))
        next_request = wire.read_message()
        if next_request is not None:
            target.requests.append(next_request)
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    target.answer = answer


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_reset_on_a_connection_that_worked_before_is_tried_again(
    target: RawTarget, new_proxy: NewProxy, framing: str
) -> None:
    resets_every_second(target)
    proxy = new_proxy()
    request = post(ROW)
    if framing == "chunked":
        request = b"POST /predict HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n"
        request += b"%x\r\n%b\r\n0\r\n\r\n" % (len(ROW), ROW)
    for _ in range(3):
        assert proxy.ask(request).start == b"HTTP/1.1 500 Internal Server Error"
    assert [request.body for request in target.requests] == [ROW] * 5
    assert [record["status_code"] for record in proxy.records()] == [500] * 3


def test_a_reset_on_a_new_connection_is_not_tried_again(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = lambda wire, request: False
    proxy = new_proxy()
    got = proxy.ask(post(ROW))
    assert got.start.startswith(b"HTTP/1.1 502")
    assert "closed the connection without an answer" in json.loads(got.body)["error"]
    assert len(target.requests) == 1
    [record] = proxy.records()
    assert (record["status_code"], record["features"]) == (502, {"age": 41})
    assert "closed the connection without an answer" in record["error"]


def test_an_answer_that_has_begun_is_not_tried_again(target: RawTarget, new_proxy: NewProxy) -> None:
    proxy = new_proxy()
    proxy.ask(post(ROW))
    target.answer = says(b"HTTP/1.1 200 OK\r\nContent-Le", stay=False)
    got = proxy.ask(post(ROW))
    assert got.start.startswith(b"HTTP/1.1 502")
    assert len(target.requests) == 2


def test_a_body_that_is_too_long_to_keep_is_not_tried_again(target: RawTarget, new_proxy: NewProxy) -> None:
    resets_every_second(target)
    proxy = new_proxy(max_body_bytes=10)
    proxy.ask(post(ROW))
    assert proxy.ask(post(ROW)).start.startswith(b"HTTP/1.1 502")
    assert len(target.requests) == 2


def test_a_connection_that_the_target_has_closed_is_not_used(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = says(response(b"1"), stay=False)
    proxy = new_proxy(max_body_bytes=1)
    for _ in range(2):
        assert proxy.ask(post(ROW)).body == b"1"
        wait_until_idle(proxy)
    assert target.connections == 2


def test_an_answer_nobody_asked_for_is_not_given_to_the_next_request(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = says(response(b"mine") + response(b"nobody's"))
    proxy = new_proxy()
    for _ in range(3):
        assert proxy.ask(post(ROW)).body == b"mine"
        wait_until_idle(proxy)
    assert target.connections == 3


def test_a_target_that_is_away_is_a_502_that_says_so(new_proxy: NewProxy) -> None:
    proxy = new_proxy(target=Address("127.0.0.1", 9))
    got = proxy.ask(post(ROW))
    assert got.start.startswith(b"HTTP/1.1 502")
    assert "http://127.0.0.1:9" in json.loads(got.body)["error"]
    [record] = proxy.records()
    assert record["status_code"] == 502


@pytest.mark.parametrize("rest", [b"Content-Length: 9\r\n\r\n[1", b"Transfer-Encoding: chunked\r\n\r\n9\r\n["])
def test_an_answer_that_breaks_off_breaks_off_for_the_client_too(
    target: RawTarget, new_proxy: NewProxy, rest: bytes
) -> None:
    target.answer = says(b"HTTP/1.1 200 OK\r\n" + rest, stay=False)
    proxy = new_proxy()
    got = proxy.ask(post(ROW))
    assert (got.start, got.whole) == (b"HTTP/1.1 200 OK", False)
    [record] = proxy.records()
    assert "broke off" in record["error"]


def test_bytes_that_are_not_http_are_a_502(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = says(b"SSH-2.0-OpenSSH\r\n\r\n", stay=False)
    assert new_proxy().ask(post(ROW)).start.startswith(b"HTTP/1.1 502")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: m\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_request_that_is_not_http_is_refused_with_400(target: RawTarget, new_proxy: NewProxy, sent: bytes) -> None:
    proxy = new_proxy()
    assert proxy.ask(sent).start.startswith(b"HTTP/1.1 400")
    assert target.requests == [] or not target.requests[0].whole
    target.answer = ok
    assert proxy.ask(post(ROW)).start.startswith(b"HTTP/1.1 200")


def test_length_and_chunks_together_can_not_smuggle_a_request(target: RawTarget, new_proxy: NewProxy) -> None:
    sent = (
        b"POST /x HTTP/1.1\r\nHost: m\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )
    new_proxy().ask(sent)
    assert target.requests[0].get("content-length") is None
    assert target.requests[0].body == b"ok"


def test_connect_is_not_a_thing_here(target: RawTarget, new_proxy: NewProxy) -> None:
    assert new_proxy().ask(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n").start.startswith(b"HTTP/1.1 405")
    assert target.requests == []


def test_a_client_that_goes_in_the_middle_takes_its_request_along(target: RawTarget, new_proxy: NewProxy) -> None:
    proxy = new_proxy()
    wire = proxy.connect()
    wire.send(b"POST /predict HTTP/1.1\r\nHost: m\r\nContent-Length: 50\r\n\r\n{")
    wire.close()
    [record] = wait_for_records(proxy, 1)
    assert (record["status_code"], record["error"]) == (499, "the request broke off: the client has gone")
    assert all(not request.whole for request in target.requests)


def test_a_stream_nobody_reads_any_more_is_ended(target: RawTarget, new_proxy: NewProxy) -> None:
    ended = threading.Event()

    def stream(wire: Wire, request: Message) -> bool:
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                wire.send(b"9\r\ndata: 1\n\n\r\n")
        except OSError:
            ended.set()
        return False

    target.answer = stream
    proxy = new_proxy()
    wire = proxy.connect()
    wire.send(post(ROW))
    wire.read_some()
    wire.close()
    assert ended.wait(10)
    [record] = wait_for_records(proxy, 1)
    assert record["status_code"] == 499


def test_a_client_that_closed_its_side_still_gets_its_answer(target: RawTarget, new_proxy: NewProxy) -> None:
    wire = new_proxy().connect()
    wire.send(post(ROW))
    wire.socket.shutdown(socket.SHUT_WR)
    got = wire.read_message()
    assert got is not None
    assert got.body == b'{"predictions":[1]}'


def test_a_stop_waits_for_the_calls_under_way(target: RawTarget, new_proxy: NewProxy) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow(wire: Wire, request: Message) -> bool:
        asked.set()
        assert go_on.wait(10)
        wire.send(response(b'{"predictions":[1]}'))
        return True

    target.answer = slow
    proxy = new_proxy()
    idle, busy = proxy.connect(), proxy.connect()
    busy.send(post(ROW))
    assert asked.wait(10)
    stopping = threading.Thread(target=proxy.stop)
    stopping.start()
    assert idle.read_message() is None
    with pytest.raises(ConnectionRefusedError):
        proxy.connect()
    go_on.set()
    got = busy.read_message()
    stopping.join()
    assert got is not None
    assert (got.body, got.get("connection")) == (b'{"predictions":[1]}', "close")
    assert [record["prediction"] for record in proxy.logger.records] == [1]
    assert proxy.logger.is_closed


def test_a_stop_breaks_off_what_takes_too_long(target: RawTarget, new_proxy: NewProxy) -> None:
    asked = threading.Event()
    target.answer = lambda wire, request: asked.set() is None and wire.read_message() is not None
    proxy = new_proxy(drain_seconds=0.05)
    wire = proxy.connect()
    wire.send(post(ROW))
    assert asked.wait(10)
    proxy.stop()
    assert wire.read_message() is None
    [record] = proxy.logger.records
    assert (record["status_code"], record["features"]) == (503, {"age": 41})


def test_an_error_of_the_proxy_itself_ends_one_connection_only(
    target: RawTarget, new_proxy: NewProxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = new_proxy()
    take_idle = proxy.proxy._target.take_idle
    proxy.proxy._target.take_idle = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with caplog.at_level(logging.ERROR):
        wire = proxy.connect()
        wire.send(post(ROW))
        assert wire.read_message() is None
    assert "ZeroDivisionError" in caplog.text
    proxy.proxy._target.take_idle = take_idle  # type: ignore[method-assign]
    assert proxy.ask(post(ROW)).start == b"HTTP/1.1 200 OK"


def wait_for_records(proxy: RunningProxy, count: int) -> list[dict[str, object]]:
    deadline = time.monotonic() + 10
    while len(proxy.logger.records) < count:
        assert time.monotonic() < deadline, "it was not logged"
        time.sleep(0.005)
    records: list[dict[str, object]] = proxy.logger.records
    return records


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_moody_target_does_each_call_is_answered_and_logged_once(
    target: RawTarget, new_proxy: NewProxy, seed: int
) -> None:
    dice = random.Random(seed)
    lock = threading.Lock()

    def moody(wire: Wire, request: Message) -> bool:
        with lock:
            mood = dice.random()
        if mood < 0.15:  # answers, and resets what comes next
            wire.send(response(b'{"predictions":[1]}'))
            return False
        if mood < 0.25:  # resets without an answer
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        if mood < 0.35:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{")
            return False
        wire.send(response(b'{"predictions":[1]}'))
        return True

    target.answer = moody
    proxy = new_proxy()
    seen: list[tuple[str, int, bool]] = []

    def client(number: int) -> None:
        for i in range(30):
            got = proxy.ask(post(b'{"instances":[[%d]]}' % i, headers=b"X-Request-Id: %d-%d\r\n" % (number, i)))
            seen.append((f"{number}-{i}", int(got.start.split(b" ")[1]), got.whole))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = {record["prediction_id"]: record for record in proxy.records()}
    assert len(seen) == len(records) == len(proxy.logger.records) == 120
    for prediction_id, status, whole in seen:
        record = records[prediction_id]
        assert record["status_code"] == status
        assert ("prediction" in record) == (status == 200 and whole)
        assert ("error" in record) == (status != 200 or not whole)
