"""One HTTP call as seen from outside: the bodies as they pass by, the status, the times."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any

from collectors.client.bodies import Unreadable, read_json

Message = MutableMapping[str, Any]


class Body:
    """The first bytes of a body, as they pass by."""

    def __init__(self, max_bytes: int) -> None:
        self._chunks: list[bytes] = []
        self._max_bytes, self._bytes = max_bytes, 0

    def add(self, chunk: bytes) -> None:
        self._bytes += len(chunk)
        if self._bytes <= self._max_bytes:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    def json(self, headers: Mapping[bytes, bytes]) -> Any:
        """The body's JSON, or the Unreadable that says why there is none."""
        if self._bytes > self._max_bytes:
            return Unreadable(f"the body is longer than max_body_bytes, {self._max_bytes}")
        encoding = headers.get(b"content-encoding", b"").decode("latin-1")
        try:
            return read_json(b"".join(self._chunks), encoding, self._max_bytes)
        except Unreadable as error:
            return error


class Call:
    """One request and its answer, as seen from outside."""

    def __init__(self, scope: Mapping[str, Any], max_body_bytes: int) -> None:
        self._started = time.perf_counter()
        self.path: str = scope["path"]
        self.request_headers = {name.lower(): value for name, value in scope["headers"]}
        self.request_id = self.request_headers.get(b"x-request-id", b"").decode("latin-1")[:200] or uuid.uuid4().hex
        self.request, self.response = Body(max_body_bytes), Body(max_body_bytes)
        self.response_headers: dict[bytes, bytes] = {}
        self.status = 0
        self.error: str | None = None
        self.is_answered = self.is_logged = False
        self.latency_ms = self._answered_at = 0.0

    def answer(self, message: Message) -> None:
        """Take note of a message that the application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.response_headers = {name.lower(): value for name, value in message.get("headers", [])}
        elif message["type"] == "http.response.body":
            self.response.add(message.get("body", b""))
            if not message.get("more_body", False):
                self._end()

    def fail(self, status: int, error: str) -> None:
        """The application ended without an answer, or in the middle of one."""
        if not self.is_answered:
            self.status, self.error = status, error
            self._end()

    def event_time(self, header: bytes | None) -> datetime | float:
        """When the answer was out, unless the request may and does say when."""
        given = self.request_headers.get(header, b"").decode("latin-1") if header else ""
        return read_time(given) or self._answered_at

    def _end(self) -> None:
        self.is_answered = True
        self.latency_ms = (time.perf_counter() - self._started) * 1000
        self._answered_at = time.time()


def read_time(text: str) -> datetime | None:
    """A time in ISO 8601 (UTC when it has no zone) or in seconds since 1970; None when it is neither."""
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
