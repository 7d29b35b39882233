"""KedgeMiddleware: logs an ASGI endpoint's predictions by looking on, without touching a byte of them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, cast

from collectors.client.bodies import LONGEST_ERROR, Row, Unreadable, error_text, read_features, read_ids, read_rows
from collectors.client.call import Call, Message
from collectors.client.logger import PredictionLogger

log = logging.getLogger("kedge.client")

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
Read = Callable[[Any, Any], Iterable[Mapping[str, Any]]]

CLIENT_CLOSED_REQUEST = 499


class KedgeMiddleware:
    """Wraps an ASGI application (Starlette, FastAPI, …) and logs one record per prediction of the chosen paths.

    Bodies pass through as they come, streams too; up to `max_body_bytes` of each are kept to be read after the answer
    is out. A failed call (a status of 400 or more, or an exception, which is raised on) is logged as well.

    logger               the PredictionLogger to use; without it one is made from `model`, `collector_url`, `version`,
                         `api_key`, `spool_dir` and `sampling_fraction`, and closed when the server shuts down
    paths                which paths to look at, exactly or with *, such as /v1/models/*
    read                 reads the bodies in place of the built-in shapes: (request JSON, response JSON) → rows, each
                         the arguments of PredictionLogger.log (features, prediction, score, …)
    event_time_header    a request header that carries the event time, for replays; without it the clock's time
    """

    def __init__(
        self,
        app: App,
        *,
        logger: PredictionLogger | None = None,
        model: str | None = None,
        collector_url: str | None = None,
        paths: Sequence[str] = ("/predict",),
        read: Read | None = None,
        event_time_header: str | None = None,
        max_body_bytes: int = 2**20,
        version: str | None = None,
        api_key: str | None = None,
        spool_dir: str | os.PathLike[str] | None = None,
        sampling_fraction: float = 1.0,
    ) -> None:
        if isinstance(paths, str):
            raise ValueError(f"paths {paths!r} is not usable; accepted: a list of paths, such as [{paths!r}]")
        if logger is None and (model is None or collector_url is None):
            raise ValueError("KedgeMiddleware needs a logger, or a model's name and a collector_url")
        self._owns_logger = logger is None
        self.logger = logger or PredictionLogger(
            str(collector_url),
            str(model),
            version=version,
            api_key=api_key,
            spool_dir=spool_dir,
            sampling_fraction=sampling_fraction,
        )
        self._app, self._paths, self._read = app, tuple(paths), read
        self._event_time_header = event_time_header.lower().encode() if event_time_header else None
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._closing(send))
        elif scope["type"] == "http" and any(fnmatchcase(scope["path"], path) for path in self._paths):
            await self._observe(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _observe(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        call = Call(scope, self._max_body_bytes)

        async def receive_and_keep() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                call.request.add(message.get("body", b""))
            return message

        async def send_and_keep(message: Message) -> None:
            call.answer(message)
            await send(message)
            if call.is_answered:
                self._log(call)

        try:
            await self._app(scope, receive_and_keep, send_and_keep)
        except asyncio.CancelledError:
            call.fail(CLIENT_CLOSED_REQUEST, "cancelled: the client has gone")
            raise
        except Exception as error:
            call.fail(500, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])
            raise
        finally:
            if not call.is_answered:
                call.fail(500, "the endpoint did not finish its answer")
            self._log(call)

    def _log(self, call: Call) -> None:
        if call.is_logged:
            return
        call.is_logged = True
        try:
            rows, ids = self._rows(call)
            about: dict[str, Any] = {
                "latency_ms": call.latency_ms,
                "status_code": call.status,
                "event_time": call.event_time(self._event_time_header),
            }
            for row, prediction_id in zip(rows, ids, strict=True):
                self.logger.log(**{"prediction_id": prediction_id, **about, **row})
        except Exception as error:  # the answer is out already; this must not look like the endpoint's fault
            self._unread(call, error)

    def _rows(self, call: Call) -> tuple[list[Row], list[str]]:
        """What to log of a call, with an id for each row."""
        request = call.request.json(call.request_headers)
        response = call.response.json(call.response_headers)
        if call.status >= 400:
            error = call.error or error_text(call.status, None if isinstance(response, Unreadable) else response)
            rows: list[Row] = [{**row, "error": error} for row in _request_rows(request)]
        else:
            rows = self._worked_rows(call, request, response)
        return rows, read_ids(request, response, call.request_id, len(rows))

    def _worked_rows(self, call: Call, request: Any, response: Any) -> list[Row]:
        try:
            for body in (request, response):
                if isinstance(body, Unreadable):
                    raise body
            if self._read is None:
                return read_rows(request, response)
            return [cast(Row, dict(row)) for row in self._read(request, response)]
        except Exception as error:
            self._unread(call, error)
            return _request_rows(request)

    def _unread(self, call: Call, error: Exception) -> None:
        if self.logger.count_unread() == 1:
            log.warning("prediction log: a call to %s could not be read (told once): %s", call.path, error)

    def _closing(self, send: Send) -> Send:
        """A `send` that empties the logger when the server shuts down: some servers then end without atexit."""

        async def send_and_close(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                if self._owns_logger:
                    self.logger.close()
                else:
                    self.logger.flush(timeout=5.0)
            await send(message)

        return send_and_close


def _request_rows(request: Any) -> list[Row]:
    """The rows of a call that has no readable answer; one empty row when the request can't be read either."""
    try:
        features = [] if isinstance(request, Unreadable) else read_features(request)
    except Unreadable:
        features = []
    return [{"features": row} for row in features or [{}]]
