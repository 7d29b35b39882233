"""Whatever goes in comes out: requests at the target and answers at the client are what the other side sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.proxy.relay import Rules
from collectors.proxy.server import ProxySettings
from collectors.proxy.target import Address
from monitor.config import NO_MAPPING

from .conftest import Message, NewProxy, Noted, RawTarget, RunningProxy, Wire, post, response, says

NAMES = st.from_regex(rb"X-[A-Za-z]{1,6}", fullmatch=True)
VALUES = st.from_regex(rb"([!-~]([ -~]{0,20}[!-~])?)?", fullmatch=True)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
PIECES = st.lists(st.binary(min_size=1, max_size=3000), max_size=5)
STATUSES = st.integers(200, 599).filter(lambda status: status not in (204, 304))


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[RawTarget, RunningProxy]]:
    target = RawTarget()
    proxy = RunningProxy(ProxySettings(target=Address("127.0.0.1", target.port), port=0), Noted(), NO_MAPPING)
    yield target, proxy
    proxy.stop()
    target.close()


def lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


def framed(pieces: list[bytes], framing: str) -> bytes:
    """The header that frames a body, the end of the head, and the body."""
    body = b"".join(pieces)
    if framing == "length":
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    if framing == "until closed":
        return b"Connection: close\r\n\r\n" + body
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@settings(max_examples=80, deadline=None)
@given(
    asked=st.tuples(HEADERS, PIECES, st.sampled_from(["length", "chunked"])),
    answered=st.tuples(HEADERS, PIECES, st.sampled_from(["length", "chunked", "until closed"])),
    status=STATUSES,
    cuts=st.lists(st.integers(1, 400), max_size=6),
)
def test_every_byte_arrives_on_both_sides(
    both: tuple[RawTarget, RunningProxy],
    asked: tuple[list[tuple[bytes, bytes]], list[bytes], str],
    answered: tuple[list[tuple[bytes, bytes]], list[bytes], str],
    status: int,
    cuts: list[int],
) -> None:
    target, proxy = both
    answer = b"HTTP/1.1 %d Some Reason\r\n" % status + lines(answered[0]) + framed(answered[1], answered[2])
    target.answer = says(answer, stay=answered[2] != "until closed")
    request = b"POST /predict?a=%20b HTTP/1.1\r\nHOST: Model.Example:99\r\n" + lines(asked[0])
    request += framed(asked[1], asked[2])
    wire = proxy.connect()
    for cut in cuts:  # in pieces that end anywhere
        wire.send(request[:cut])
        request = request[cut:]
    wire.send(request)
    got = wire.read_message()
    wire.close()
    assert got is not None
    assert got.start == b"HTTP/1.1 %d Some Reason" % status
    length = [(b"Content-Length", b"%d" % len(b"".join(answered[1])))] if answered[2] == "length" else []
    assert got.end_to_end() == [*answered[0], *length]
    assert (got.body, got.whole) == (b"".join(answered[1]), True)
    seen = target.requests[-1]
    length = [(b"Content-Length", b"%d" % len(b"".join(asked[1])))] if asked[2] == "length" else []
    assert seen.start == b"POST /predict?a=%20b HTTP/1.1"
    assert seen.end_to_end() == [(b"HOST", b"Model.Example:99"), *asked[0], *length]
    assert seen.body == b"".join(asked[1])


@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"DELETE", b"PATCH", b"PUT", b"PURGE"])
def test_any_method_passes(target: RawTarget, new_proxy: NewProxy, method: bytes) -> None:
    got = new_proxy().ask(method + b" /x HTTP/1.1\r\nHost: m\r\n\r\n")
    assert target.requests[0].start == method + b" /x HTTP/1.1"
    assert got.body == b'{"predictions":[1]}'


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 500\r\n", b"Transfer-Encoding: chunked\r\n", b"X-No: framing\r\n"]
)
def test_the_answer_to_head_has_its_headers_and_no_body(target: RawTarget, new_proxy: NewProxy, framing: bytes) -> None:
    target.answer = says(b"HTTP/1.1 200 OK\r\nETag: e\r\n" + framing + b"\r\n")
    wire = new_proxy().connect()
    for _ in range(2):
        wire.send(b"HEAD /x HTTP/1.1\r\nHost: m\r\n\r\n")
        got = wire.read_message(has_body=False)
        assert got is not None
        assert [pair[0].lower() for pair in got.headers] == [b"etag", framing.split(b":")[0].lower()]


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_that_have_no_body_leave_the_connection_usable(
    target: RawTarget, new_proxy: NewProxy, status: bytes
) -> None:
    target.answer = says(b"HTTP/1.1 " + status + b"\r\nETag: e\r\n\r\n")
    wire = new_proxy().connect()
    for _ in range(2):
        wire.send(post(b"{}"))
        got = wire.read_message()
        assert got is not None
        assert got.start == b"HTTP/1.1 " + status
        assert got.headers == [(b"ETag", b"e")]
    assert target.connections == 1


def test_headers_of_one_connection_stay_on_it(target: RawTarget, new_proxy: NewProxy) -> None:
    hops = b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nX-End: 2\r\n"
    target.answer = says(response(b"1", headers=hops + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"))
    got = new_proxy().ask(post(b"{}", headers=hops))
    assert target.requests[0].headers == [(b"Host", b"model"), (b"X-End", b"2"), (b"Content-Length", b"2")]
    assert got.headers == [
        (b"X-End", b"2"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Content-Length", b"1"),
    ]


def test_zipped_bodies_pass_zipped(target: RawTarget, new_proxy: NewProxy) -> None:
    zipped = gzip.compress(b'{"predictions":[1]}')
    target.answer = says(response(zipped, headers=b"Content-Encoding: gzip\r\n"))
    got = new_proxy().ask(post(zipped, headers=b"Content-Encoding: gzip\r\n"))
    assert (got.body, target.requests[0].body) == (zipped, zipped)


def test_events_of_a_stream_arrive_one_by_one(target: RawTarget, new_proxy: NewProxy) -> None:
    go_on = threading.Event()

    def stream(wire: Wire, request: Message) -> bool:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.send(b"9\r\ndata: 1\n\n\r\n")
        assert go_on.wait(10)
        wire.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        return True

    target.answer = stream
    wire = new_proxy().connect()
    wire.send(post(b"{}"))
    first = b""
    while b"data: 1" not in first:
        first += wire.read_some()
    assert b"data: 2" not in first
    go_on.set()
    rest = b""
    while not rest.endswith(b"0\r\n\r\n"):
        rest += wire.read_some()
    assert b"data: 2" in rest


def test_a_request_streams_while_its_sender_still_writes(target: RawTarget, new_proxy: NewProxy) -> None:
    arrived = threading.Event()

    def answer(wire: Wire, request: Message) -> bool:
        wire.send(response(request.body))
        return True

    class Watching(RawTarget):
        def _serve(self, wire: Wire) -> None:
            first = wire.socket.recv(65536)
            while b"hello" not in first:
                first += wire.socket.recv(65536)
            arrived.set()
            wire._buffer = first
            super()._serve(wire)

    watching = Watching()
    watching.answer = answer
    wire = new_proxy(target=Address("127.0.0.1", watching.port)).connect()
    wire.send(b"POST /x HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    assert arrived.wait(10)
    wire.send(b"6\r\n world\r\n0\r\n\r\n")
    got = wire.read_message()
    assert got is not None
    assert got.body == b"hello world"
    watching.close()


def test_large_bodies_pass_both_ways_without_being_kept(target: RawTarget, new_proxy: NewProxy) -> None:
    large = bytes(range(256)) * 40_000
    target.answer = says(response(large))
    proxy = new_proxy(max_body_bytes=1000)
    got = proxy.ask(post(large))
    assert got.body == large
    assert target.requests[0].body == large
    [record] = proxy.records()
    assert record["status_code"] == 200
    assert "features" not in record


def test_trailers_pass(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = says(
        b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 9\r\n\r\n"
    )
    got = new_proxy().ask(post(b"{}"))
    assert got.trailers == [(b"X-Sum", b"9")]
    assert got.get("trailer") == "X-Sum"


def test_a_client_that_waits_for_100_gets_it_from_the_target(target: RawTarget, new_proxy: NewProxy) -> None:
    class Asking(RawTarget):
        def _serve(self, wire: Wire) -> None:
            head = wire.socket.recv(65536)
            assert b"100-continue" in head
            wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            wire._buffer = head
            super()._serve(wire)

    asking = Asking()
    wire = new_proxy(target=Address("127.0.0.1", asking.port)).connect()
    wire.send(b"POST /predict HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    first = wire.read_message()
    assert first is not None
    assert first.start.startswith(b"HTTP/1.1 100 ")
    wire.send(b"{}")
    got = wire.read_message()
    assert got is not None
    assert got.body == b'{"predictions":[1]}'
    assert asking.requests[0].body == b"{}"
    asking.close()


def test_an_early_answer_reaches_a_client_that_still_writes(new_proxy: NewProxy) -> None:
    class Refusing(RawTarget):
        def _serve(self, wire: Wire) -> None:
            wire.socket.recv(65536)
            wire.send(response(b"too long", b"413 Content Too Large"))
            wire.read_some()
            wire.close()

    refusing = Refusing()
    wire = new_proxy(target=Address("127.0.0.1", refusing.port)).connect()
    wire.send(b"POST /predict HTTP/1.1\r\nHost: m\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
    got = wire.read_message()
    assert got is not None
    assert got.body == b"too long"
    assert got.get("connection") == "close"
    refusing.close()


def test_requests_that_come_together_are_answered_in_order(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = lambda wire, request: wire.send(response(request.body)) is None
    wire = new_proxy().connect()
    wire.send(post(b"1") + post(b"2") + post(b"3"))
    got = [wire.read_message() for _ in range(3)]
    assert [message.body for message in got if message] == [b"1", b"2", b"3"]
    assert target.connections == 1


def test_an_old_client_is_answered_and_closed(target: RawTarget, new_proxy: NewProxy) -> None:
    target.answer = says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
    got = new_proxy().ask(b"GET /x HTTP/1.0\r\n\r\n")
    assert (got.body, got.get("transfer-encoding")) == (b"ok", None)
    assert target.requests[0].get("host") == f"127.0.0.1:{target.port}"


def test_the_host_header_may_be_the_targets(target: RawTarget, new_proxy: NewProxy) -> None:
    new_proxy(rules=Rules(rewrite_host=True)).ask(post(b"{}"))
    assert target.requests[0].get("host") == f"127.0.0.1:{target.port}"
