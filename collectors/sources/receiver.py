"""One path of the HTTP source: from the request to the answer, which goes out when everything is durable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope

from collectors.collector import Collector, Request, Taken
from collectors.deliveries import Receipt
from collectors.formats import LogFormat, find_format, format_names, format_of_media_type, sniff_format
from collectors.gate import Gate
from collectors.sources.body import ENCODINGS, BadEncoding, BodyTooLarge, drain, read_body
from monitor.access import AccessDenied, KeyRing, presented_key
from monitor.db.keys import Role
from monitor.errors import ConfigError, Unavailable
from monitor.lake import Kind

RETRY_SECONDS = 5
LONGEST_KEY = 256
_LARGE = 2**20
"""Bodies from here on are decoded in a thread, so that short requests don't wait behind them."""

# Media types that say nothing of the body: none at all, and what `curl -d` sends by itself.
_UNTOLD = ("", "application/x-www-form-urlencoded", "application/octet-stream")
_JSON = "application/json"


class Reply(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    headers: Mapping[str, str] = {}

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        if not self.headers:
            return _usual_headers(len(self.body))
        given = [(name.lower().encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        if "Content-Type" not in self.headers:
            given.append((b"content-type", b"application/json"))
        return [(b"content-length", b"%d" % len(self.body)), *given]


@lru_cache(1000)
def _usual_headers(length: int) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", b"%d" % length), (b"content-type", b"application/json")]


class Refused(Exception):
    """The body is refused as a whole, before it was decoded."""

    def __init__(self, status: int, reason: str, body: bytes = b"") -> None:
        self.status, self.reason, self.body = status, reason, body


class HungUp(Exception):
    """The sender closed the connection before the body was complete."""


@dataclass(slots=True)
class Receiver:
    """Takes what is sent to one path."""

    collector: Collector
    access: KeyRing
    clock: Callable[[], datetime]
    kind: Kind
    gate: Gate | None = None

    def count(self, status: int) -> None:
        if self.collector.metrics is not None:
            self.collector.metrics.request_of(self.kind, status).inc()

    async def answer(self, scope: Scope, receive: Receive) -> Reply:
        if scope["method"] != "POST":
            return _error(405, f"Method Not Allowed: {scope['method']} {scope['path']}", {"Allow": "POST"})
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        client = scope.get("client")
        try:
            if self.access.stale:
                await run_in_threadpool(self.access.refresh)
            self.access.authorize(headers, client[0] if client else None, Role.INGEST)
            return await self._receive(scope, headers, receive)
        except AccessDenied as error:
            extra = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return _error(error.status, str(error), extra | {"Connection": "close"})
        except Unavailable as error:
            return _error(503, str(error), {"Retry-After": str(RETRY_SECONDS)})
        except HungUp:
            return _error(400, "the sender hung up before the body was complete")

    async def _receive(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> Reply:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"))) if scope["query_string"] else {}
        request = Request(
            kind=self.kind,
            received_at=self.clock(),
            source="http",
            model=query.get("model"),
            version=query.get("version"),
            key=headers.get("idempotency-key"),
            headers=headers,
            path=scope["path"],
        )
        if self.gate is None:
            return await self._store(request, query.get("format"), receive)
        source = partial(_source, headers, scope.get("client"), request.model, query.get("format"))
        if rejection := self.gate.check(source, request.received_at):
            retry = {"Retry-After": str(rejection.retry_after), "Connection": "close"}
            return _error(rejection.status, rejection.reason, retry)
        length = headers.get("content-length", "")
        announced = int(length) if length.isascii() and length.isdigit() else 0
        self.gate.enter(announced)
        try:
            return await self._store(request, query.get("format"), receive, source)
        finally:
            self.gate.leave(announced)

    async def _store(
        self, request: Request, format_name: str | None, receive: Receive, source: Callable[[], Hashable] | None = None
    ) -> Reply:
        try:
            _check_names(request)
            body = await self._body(request.headers, receive)
            taken, receipt = await self.keep(body, request, format_name)
        except Refused as refused:
            taken = self.collector.refuse(request, refused.status, refused.reason, refused.body)
            receipt = await self.collector.inbox.deliver(taken.delivery)
        self.collector.record(taken, receipt)
        if self.gate is not None and source is not None:
            self.gate.note(source, taken, request.received_at)
        if taken.delivery.answer.status == 413:
            return Reply(413, receipt.answer.body, {"Connection": "close"})
        return self.reply(request, taken, receipt)

    async def keep(self, body: bytes, request: Request, format_name: str | None) -> tuple[Taken, Receipt]:
        """Decode a body and make what it leaves behind durable. Raises Refused."""
        taken = await self.take(body, request, format_name)
        return taken, await self.collector.inbox.deliver(taken.delivery)

    async def take(self, body: bytes, request: Request, format_name: str | None) -> Taken:
        """Decode the body; nothing is stored yet. Raises Refused."""
        log_format = self.choose_format(request, format_name, body)
        if len(body) >= _LARGE:
            return await run_in_threadpool(self.collector.take, body, request, log_format)
        return self.collector.take(body, request, log_format)

    def choose_format(self, request: Request, named: str | None, body: bytes) -> LogFormat:
        """The format the body is read as. Raises Refused."""
        return _format(request, named, body, self.collector)

    def reply(self, request: Request, taken: Taken, receipt: Receipt) -> Reply:
        """What the sender is told once everything is durable."""
        extra = {"Idempotency-Replayed": "true"} if receipt.repeated else {}
        return Reply(receipt.answer.status, receipt.answer.body, extra)

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        most = self.collector.settings.max_body_bytes
        first: Any = await receive()
        if "content-encoding" not in headers and first["type"] == "http.request" and not first.get("more_body"):
            body: bytes = first.get("body", b"")  # the usual request comes in one piece
            if len(body) <= most:
                return body
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ENCODINGS:
            accepted = ", ".join(ENCODINGS)
            raise Refused(415, f"Content-Encoding {encoding[:100]!r} is not known; accepted: {accepted}")
        too_large = f"the body is larger than max_body_bytes = {most}; send fewer records at a time"
        length = headers.get("content-length", "")
        stream = _stream(first, receive)
        if length.isascii() and length.isdigit() and int(length) > most:
            await drain(stream, most)
            raise Refused(413, f"{too_large} (Content-Length is {int(length)})")
        try:
            return await read_body(stream, encoding, most)
        except BodyTooLarge:
            raise Refused(413, too_large) from None
        except BadEncoding as error:
            raise Refused(400, str(error)) from None


def _source(
    headers: Mapping[str, str], client: tuple[str, int] | None, model: str | None, format_name: str | None
) -> Hashable:
    """What is paused together: who sends, for which model, in which format.

    Who sends is named as the log may name it: by the beginning of its key (see `kedge key list`), or by its address.
    """
    key = presented_key(headers)
    who = key[: key.find("_", len("kedge_")) + 5] if key else client[0] if client else ""
    return who, model, format_name or headers.get("content-type")


async def _stream(message: Any, receive: Receive) -> AsyncIterator[bytes]:
    while True:
        if message["type"] == "http.disconnect":
            raise HungUp
        yield message.get("body", b"")
        if not message.get("more_body"):
            return
        message = await receive()


def _check_names(request: Request) -> None:
    """The query and the key are short; an unusable one is the whole request's fault."""
    if request.version is not None and not 0 < len(request.version) <= 200:
        raise Refused(400, f"?version= has {len(request.version)} characters; accepted: 1 to 200")
    if request.key is not None and not 0 < len(request.key) <= LONGEST_KEY:
        raise Refused(400, f"Idempotency-Key has {len(request.key)} characters; accepted: 1 to {LONGEST_KEY}")


def _format(request: Request, named: str | None, body: bytes, collector: Collector) -> LogFormat:
    """The format that the request names, else that of its headers, else the one that recognises the body."""
    content_type = request.headers.get("content-type", "")
    if content_type == _JSON and named is None and "ce-type" not in request.headers:
        return find_format("json")
    if named is not None and named != "auto":
        try:
            return find_format(named)
        except ConfigError as error:
            raise Refused(400, f"?format=: {error}", body) from None
    media_type = content_type.partition(";")[0].strip().lower()
    if named == "auto" or "ce-type" in request.headers or media_type in _UNTOLD:
        return sniff_format(collector.log_of(body, request)) or find_format("json")
    found = format_of_media_type(media_type)
    if found is None:
        accepted = ", ".join(sorted({each for name in format_names() for each in find_format(name).media_types}))
        raise Refused(415, f"Content-Type {media_type[:100]!r} is not known; accepted: {accepted}", body)
    return found


def _error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, msgspec.json.encode({"error": reason}), headers or {})
