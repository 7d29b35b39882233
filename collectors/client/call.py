"""One HTTP call as seen from outside: the bodies as they pass by, the status, the times."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from collectors.client.bodies import read_json
from collectors.client.call_log import Seen
from collectors.client.unreadable import Unreadable


class Body:
    """A body as it passes by; it is kept while it has at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._chunks: list[bytes] = []
        self.max_bytes, self._bytes = max_bytes, 0

    def add(self, chunk: bytes) -> None:
        self._bytes += len(chunk)
        if self._bytes <= self.max_bytes:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    @property
    def size(self) -> int:
        """Bytes that passed by, kept or not."""
        return self._bytes

    @property
    def kept_bytes(self) -> int:
        return self._bytes if self._bytes <= self.max_bytes else 0

    @property
    def whole(self) -> bytes | None:
        """The body; None when it was longer than what is kept."""
        return b"".join(self._chunks) if self._bytes <= self.max_bytes else None

    def json(self, headers: Mapping[str, str]) -> Any:
        """The body's JSON, or the Unreadable that says why there is none."""
        if (whole := self.whole) is None:
            return Unreadable(f"the body is longer than max_body_bytes, {self.max_bytes}")
        try:
            return read_json(whole, headers.get("content-encoding", ""), self.max_bytes)
        except Unreadable as error:
            return error


class Call:
    """One request and its answer. `headers` have lower-case names."""

    def __init__(self, path: str, headers: Mapping[str, str], max_body_bytes: int) -> None:
        self._started = time.perf_counter()
        self.path, self.headers = path, headers
        self.request_id = headers.get("x-request-id", "")[:200] or uuid.uuid4().hex
        self.request, self.response = Body(max_body_bytes), Body(max_body_bytes)
        self.response_headers: dict[str, str] = {}
        self.status = 0
        self.error: str | None = None
        self.is_answered = self.is_logged = False
        self.latency_ms = self._answered_at = 0.0

    def start_answer(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.status = status
        self.response_headers = {name.lower(): value for name, value in headers}

    def end_answer(self) -> None:
        """The answer is out, to its last byte."""
        self.is_answered = True
        self.latency_ms = (time.perf_counter() - self._started) * 1000
        self._answered_at = time.time()

    def fail(self, status: int, error: str) -> None:
        """The application ended without an answer, or in the middle of one."""
        if not self.is_answered:
            self.status, self.error = status, error
            self.end_answer()

    def seen(self, event_time_header: str | None = None) -> Seen:
        """The call, now that it is over: it happened when the answer was out, unless a header may and does say when."""
        given = self.headers.get(event_time_header, "") if event_time_header else ""
        return Seen(
            where=self.path,
            request=self.request.json(self.headers),
            response=self.response.json(self.response_headers),
            request_id=self.request_id,
            latency_ms=self.latency_ms,
            status=self.status,
            error=self.error,
            event_time=read_time(given) or self._answered_at,
            request_bytes=self.request.size,
            response_bytes=self.response.size,
        )


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
