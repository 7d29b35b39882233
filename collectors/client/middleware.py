"""KedgeMiddleware: logs an ASGI endpoint's predictions by looking on, without touching a byte of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Unpack

from collectors.client.bodies import LONGEST_ERROR
from collectors.client.call import Call
from collectors.client.observer import CLIENT_CLOSED_REQUEST, Observer, Options

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class KedgeMiddleware:
    """Wraps an ASGI application: Starlette, FastAPI and others. `options` are those of `Observer`."""

    def __init__(self, app: App, **options: Unpack[Options]) -> None:
        self._app, self._observer = app, Observer(**options)
        self.logger = self._observer.logger

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._closing(send))
        elif scope["type"] == "http" and self._observer.looks_at(scope["path"]):
            await self._observe(self._observer.begin(scope["path"], _text(scope["headers"])), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _observe(self, call: Call, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        async def receive_and_keep() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                call.request.add(message.get("body", b""))
            return message

        async def send_and_keep(message: Message) -> None:
            _note_answer(call, message)
            await send(message)
            if call.is_answered:
                self._observer.end(call)

        try:
            await self._app(scope, receive_and_keep, send_and_keep)
        except asyncio.CancelledError:
            call.fail(CLIENT_CLOSED_REQUEST, "cancelled: the client has gone")
            raise
        except Exception as error:
            call.fail(500, f"{type(error).__name__}: {error}"[:LONGEST_ERROR])
            raise
        finally:
            self._observer.end(call)

    def _closing(self, send: Send) -> Send:
        """A `send` that empties the logger when the server shuts down: some servers then end without atexit."""

        async def send_and_close(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                if self._observer.owns_logger:
                    await self.logger.aclose()
                else:
                    await self.logger.aflush(timeout=5.0)
            await send(message)

        return send_and_close


def _note_answer(call: Call, message: Message) -> None:
    if message["type"] == "http.response.start":
        call.start_answer(message["status"], _text(message.get("headers", [])))
    elif message["type"] == "http.response.body":
        call.response.add(message.get("body", b""))
        if not message.get("more_body", False):
            call.end_answer()


def _text(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
