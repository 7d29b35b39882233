"""The HTTP source: POST /v1/predictions and POST /v1/labels.

The 202 goes out after the records are durable. Whatever is refused is in quarantine before the answer goes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from collectors.collector import Collector, Request, Taken, refuse_body
from collectors.formats import Log, LogFormat, find_format, format_names, format_of_media_type, sniff_format
from collectors.sources.body import ENCODINGS, BadEncoding, BodyTooLarge, drain, read_body
from monitor.access import AccessDenied, KeyRing
from monitor.db.keys import Role
from monitor.errors import Unavailable
from monitor.lake import Kind

PATHS = {Kind.PREDICTIONS: "/v1/predictions", Kind.LABELS: "/v1/labels"}
RETRY_SECONDS = 5
LONGEST_KEY = 256
_LARGE = 2**20
"""Bodies from here on are decoded in a thread, so that short requests don't wait behind them."""


# Media types that say nothing of the body: none at all, and what `curl -d` sends by itself.
_UNTOLD = ("", "application/x-www-form-urlencoded", "application/octet-stream")


def routes(collector: Collector, access: KeyRing, clock: Callable[[], datetime]) -> list[Route]:
    """The routes of one collector, for a Starlette or FastAPI application."""
    return [
        Route(path, _endpoint(_Receiver(collector, access, clock, kind)), methods=["POST"], name=f"take_{kind}")
        for kind, path in PATHS.items()
    ]


def _endpoint(receiver: _Receiver) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def endpoint(http: HttpRequest) -> Response:
        response = await receiver.answer(http)
        if receiver.collector.metrics is not None:
            receiver.collector.metrics.requests.labels(receiver.kind, response.status_code).inc()
        return response

    return endpoint


class _Refused(Exception):
    """The body is refused as a whole, before it was decoded."""

    def __init__(self, status: int, reason: str, body: bytes = b"") -> None:
        self.status, self.reason, self.body = status, reason, body


@dataclass(frozen=True, slots=True)
class _Receiver:
    collector: Collector
    access: KeyRing
    clock: Callable[[], datetime]
    kind: Kind

    async def answer(self, http: HttpRequest) -> Response:
        try:
            if self.access.stale:
                await run_in_threadpool(self.access.refresh)
            self.access.authorize(http.headers, http.client.host if http.client else None, Role.INGEST)
            return await self._receive(http)
        except AccessDenied as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return _json(error.status, {"error": str(error)}, headers | {"Connection": "close"})
        except Unavailable as error:
            return _json(503, {"error": str(error)}, {"Retry-After": str(RETRY_SECONDS)})
        except ClientDisconnect:
            return _json(400, {"error": "the sender hung up before the body was complete"})

    async def _receive(self, http: HttpRequest) -> Response:
        query = http.query_params
        request = Request(
            kind=self.kind,
            received_at=self.clock(),
            source="http",
            model=query.get("model"),
            version=query.get("version"),
            key=http.headers.get("idempotency-key"),
        )
        headers = {}
        try:
            taken = await self._take(http, request)
        except _Refused as refused:
            taken = refuse_body(request, refused.status, refused.reason, refused.body)
            headers = {"Connection": "close"} if refused.status == 413 else {}
        receipt = await asyncio.wrap_future(self.collector.inbox.submit(taken.delivery))
        self.collector.record(taken, receipt)
        if receipt.repeated:
            headers["Idempotency-Replayed"] = "true"
        return Response(receipt.answer.body, receipt.answer.status, headers, media_type="application/json")

    async def _take(self, http: HttpRequest, request: Request) -> Taken:
        _check_names(request)
        body = await self._body(http)
        log_format = _format(http.headers.get("content-type"), body)
        if len(body) >= _LARGE:
            return await run_in_threadpool(self.collector.take, body, request, log_format)
        return self.collector.take(body, request, log_format)

    async def _body(self, http: HttpRequest) -> bytes:
        most = self.collector.settings.max_body_bytes
        encoding = http.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ENCODINGS:
            accepted = ", ".join(ENCODINGS)
            raise _Refused(415, f"Content-Encoding {encoding[:100]!r} is not known; accepted: {accepted}")
        too_large = f"the body is larger than max_body_bytes = {most}; send fewer records at a time"
        length = http.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > most:
            await drain(http.stream(), most)
            raise _Refused(413, f"{too_large} (Content-Length is {int(length)})")
        try:
            return await read_body(http.stream(), encoding, most)
        except BodyTooLarge:
            raise _Refused(413, too_large) from None
        except BadEncoding as error:
            raise _Refused(400, str(error)) from None


def _check_names(request: Request) -> None:
    """The query and the key are short; an unusable one is the whole request's fault."""
    if request.version is not None and not 0 < len(request.version) <= 200:
        raise _Refused(400, f"?version= has {len(request.version)} characters; accepted: 1 to 200")
    if request.key is not None and not 0 < len(request.key) <= LONGEST_KEY:
        raise _Refused(400, f"Idempotency-Key has {len(request.key)} characters; accepted: 1 to {LONGEST_KEY}")


def _format(content_type: str | None, body: bytes) -> LogFormat:
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type in _UNTOLD:
        return sniff_format(Log(body)) or find_format("json")
    found = format_of_media_type(media_type)
    if found is None:
        accepted = ", ".join(each for name in format_names() for each in find_format(name).media_types)
        raise _Refused(415, f"Content-Type {media_type[:100]!r} is not known; accepted: {accepted}", body)
    return found


def _json(status: int, content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")
