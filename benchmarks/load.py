"""A load generator for one HTTP server on this machine: few instructions per request, so that it measures the server.

One thread drives all connections through epoll; requests are bytes made beforehand, answers are only looked at for
their status and length.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass(slots=True)
class Outcome:
    """What a run came to. `seconds` are those from its first request to its last answer."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds

    def latency_ms(self, quantile: float) -> float:
        return 1e3 * float(np.quantile(self.latencies, quantile))


def post(path: str, body: bytes, port: int) -> bytes:
    """A whole request as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection:
    __slots__ = ("answer", "began", "rest", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.rest = memoryview(b"")
        self.answer = b""
        self.began = 0.0

    def send(self) -> bool:
        """Send on; True when all of the request is out."""
        if self.rest:
            try:
                self.rest = self.rest[self.socket.send(self.rest) :]
            except BlockingIOError:
                return False
        return not self.rest

    def receive(self) -> int | None:
        """The status, once the answer is complete."""
        try:
            piece = self.socket.recv(65536)
        except BlockingIOError:
            return None
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.answer += piece
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(body) < length:
            return None
        self.answer = b""
        return int(head[9:12])


def drive(
    port: int,
    requests: Callable[[], bytes],
    *,
    connections: int,
    seconds: float,
    per_second: float | None = None,
) -> Outcome:
    """Send requests over so many connections for a while: each as soon as the one before is answered, or at a pace."""
    selector = selectors.DefaultSelector()
    idle = deque(_Connection(port) for _ in range(connections))  # in turns: none is idle so long that it is closed
    for each in idle:
        selector.register(each.socket, selectors.EVENT_READ, each)
    outcome = Outcome()
    started = time.perf_counter()
    pace = _pace(started, per_second)
    due = next(pace)
    busy = 0
    while True:
        now = time.perf_counter()
        open_ = now < started + seconds
        while open_ and idle and due <= now:
            connection = idle.popleft()
            connection.rest, connection.began = memoryview(requests()), time.perf_counter()
            if not connection.send():
                selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
            busy += 1
            due = next(pace)
        if not open_ and not busy:
            break
        for key, events in selector.select(max(0.0, min(due - now, 0.01)) if idle else 0.1):
            connection = key.data
            if events & selectors.EVENT_WRITE and connection.send():
                selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if events & selectors.EVENT_READ and (status := connection.receive()) is not None:
                outcome.latencies.append(time.perf_counter() - connection.began)
                outcome.answered += status == 202
                outcome.refused += status != 202
                idle.append(connection)
                busy -= 1
    outcome.seconds = time.perf_counter() - started
    for each in idle:
        each.socket.close()
    selector.close()
    return outcome


def _pace(started: float, per_second: float | None) -> Iterator[float]:
    number = 0
    while True:
        yield started + number / per_second if per_second else 0.0
        number += 1
