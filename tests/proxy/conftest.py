"""A target of raw sockets, whose answers the tests write byte by byte, and the proxy in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from collectors.proxy.recorder import Recorder
from collectors.proxy.server import Proxy, ProxySettings
from collectors.proxy.target import Address
from monitor.config import NO_MAPPING, MappingSettings

Pairs = list[tuple[bytes, bytes]]
Answer = Callable[["Wire", "Message"], bool]
"""Answers one request over the connection; True when the connection stays open for the next one."""


@dataclass
class Message:
    """A request or response as it was on the wire, its body without the framing."""

    start: bytes
    headers: Pairs
    body: bytes = b""
    whole: bool = True
    trailers: Pairs = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.headers if key.decode().lower() == name), None)

    def end_to_end(self) -> Pairs:
        framing = (b"connection", b"transfer-encoding", b"keep-alive")
        return [pair for pair in self.headers if pair[0].lower() not in framing]


class Wire:
    """A socket that reads whole messages."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        self.socket, self._buffer = connection, b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def read_message(self, *, has_body: bool = True) -> Message | None:
        """The next message, or None when the other side has closed."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        start, *lines = head[:-4].split(b"\r\n")
        message = Message(start, [_pair(line) for line in lines])
        if b" 100 " in start:
            return message
        if not has_body or start.split(b" ")[1:2] in ([b"204"], [b"304"]):
            return message
        if message.get("transfer-encoding") == "chunked":
            self._read_chunks(message)
        elif (length := message.get("content-length")) is not None:
            message.body = self._exactly(int(length)) or b""
            message.whole = len(message.body) == int(length)
        elif start.startswith(b"HTTP"):
            while piece := self._receive():
                self._buffer += piece
            message.body, self._buffer = self._buffer, b""
        return message

    def read_some(self) -> bytes:
        data, self._buffer = self._buffer or self._receive(), b""
        return data

    def _read_chunks(self, message: Message) -> None:
        while True:
            line = self._until(b"\r\n")
            if line is None:
                message.whole = False
                return
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while (trailer := self._until(b"\r\n")) not in (b"\r\n", None):
                    message.trailers.append(_pair(trailer.strip()))
                return
            chunk = self._exactly(size + 2)
            if chunk is None:
                message.whole = False
                return
            message.body += chunk[:-2]

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if not (piece := self._receive()):
                return None
            self._buffer += piece
        end = self._buffer.index(mark) + len(mark)
        found, self._buffer = self._buffer[:end], self._buffer[end:]
        return found

    def _exactly(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            if not (piece := self._receive()):
                return None
            self._buffer += piece
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            return b""
        except OSError:
            if self.socket.fileno() == -1:  # closed by the end of the test
                return b""
            raise


def _pair(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.strip()


class RawTarget:
    """Serves connections, each in a thread; `answer` decides, `requests` keeps what came in."""

    def __init__(self) -> None:
        self.answer: Answer = ok
        self.requests: list[Message] = []
        self.connections = 0
        self._open: list[Wire] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            wire = Wire(connection)
            self._open.append(wire)
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: Wire) -> None:
        with contextlib.suppress(OSError):
            while (request := wire.read_message()) is not None:
                self.requests.append(request)
                if not self.answer(wire, request):
                    break
        wire.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for wire in self._open:
            wire.close()


def says(raw: bytes, *, stay: bool = True) -> Answer:
    """Answers every request with these bytes."""

    def answer(wire: Wire, request: Message) -> bool:
        wire.send(raw)
        return stay

    return answer


def response(body: bytes, status: bytes = b"200 OK", headers: bytes = b"Content-Type: application/json\r\n") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


ok = says(response(b'{"predictions":[1]}'))


class Noted:
    """In place of a PredictionLogger: keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.unread = 0
        self.is_closed = False

    def log(self, **fields: Any) -> str:
        self.records.append({name: value for name, value in fields.items() if value is not None})
        return str(fields["prediction_id"])

    def count_unread(self) -> int:
        self.unread += 1
        return self.unread

    def close(self, timeout: float = 0) -> None:
        self.is_closed = True


class RunningProxy:
    """The proxy in a thread with its own event loop."""

    def __init__(self, settings: ProxySettings, logger: Any, mapping: MappingSettings) -> None:
        self.logger = logger
        self.recorder = Recorder(logger, mapping)
        self.loop = uvloop.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.proxy = self.call(_make(settings, self.recorder))
        self.port: int = self.call(self.proxy.start())
        self._is_stopped = False

    def call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def connect(self) -> Wire:
        return Wire(socket.create_connection(("127.0.0.1", self.port)))

    def ask(self, raw: bytes, *, has_body: bool = True) -> Message:
        """One request over a connection of its own."""
        wire = self.connect()
        try:
            wire.send(raw)
            message = wire.read_message(has_body=has_body)
            assert message is not None, "the connection was closed without an answer"
            return message
        finally:
            wire.close()

    def records(self) -> list[dict[str, Any]]:
        """What was logged, once everything is read; the proxy is stopped by this."""
        self.stop()
        records: list[dict[str, Any]] = self.logger.records
        return records

    def stop(self) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            self.call(self.proxy.stop())
            self.recorder.close(10)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()


async def _make(settings: ProxySettings, recorder: Recorder) -> Proxy:
    return Proxy(settings, recorder)


NewProxy = Callable[..., RunningProxy]


@pytest.fixture
def target() -> Iterator[RawTarget]:
    running = RawTarget()
    yield running
    running.close()


@pytest.fixture
def new_proxy(target: RawTarget) -> Iterator[NewProxy]:
    made: list[RunningProxy] = []

    def make(*, logger: Any = None, mapping: MappingSettings = NO_MAPPING, **options: Any) -> RunningProxy:
        options.setdefault("target", Address("127.0.0.1", target.port))
        settings = ProxySettings(**{"port": 0, "drain_seconds": 5.0, **options})
        made.append(RunningProxy(settings, logger or Noted(), mapping))
        return made[-1]

    yield make
    for proxy in made:
        proxy.stop()


def post(body: bytes, path: bytes = b"/predict", headers: bytes = b"Content-Type: application/json\r\n") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: model\r\n%bContent-Length: %d\r\n\r\n%b" % (path, headers, len(body), body)
