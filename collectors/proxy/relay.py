"""Relaying one exchange: the client's request to the target, the target's answer to the client, both as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import h11

from collectors.proxy.connection import Connection
from collectors.proxy.exchange import Exchange, settle_id
from collectors.proxy.headers import Headers, forwarded, has_header, with_host
from collectors.proxy.target import Target
from collectors.proxy.upload import BROKEN, ClientFailed, Upload, request_broke_off


class TargetFailed(Exception):
    """The target gave no answer; the message says how, `status` what the client is told."""

    def __init__(self, message: str, status: int = 502) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How requests are sent on. `rewrite_host`: with the target's own Host header in place of the client's.
    `id_header`: the response header that tells the client the id of its prediction; none is added without it."""

    rewrite_host: bool = False
    id_header: bytes | None = None


class Relay:
    """One request of a client, and its answer."""

    def __init__(
        self,
        client: Connection,
        request: h11.Request,
        exchange: Exchange,
        target: Target,
        rules: Rules,
        is_last: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client, self._request, self._exchange = client, request, exchange
        self._target, self._rules, self._is_last = target, rules, is_last
        self._upload = Upload(client, exchange.request)

    async def run(self) -> None:
        """Relay it. Raises TargetFailed while nothing was answered, ClientFailed when the client has gone."""
        try:
            first = self._upload.take_ready()
        except BROKEN as error:
            raise request_broke_off(error, self._client) from None
        connection = self._target.take_idle()
        while True:
            is_reused = connection is not None
            connection = connection or await self._connect()
            try:
                if await self._attempt(connection, first):
                    self._target.give_back(connection)
                    return
                # A server may close an idle connection, or one it had an error on, while a request is on its way. It
                # shows as no byte of an answer on a connection that worked before; nothing else is repeated.
                if not is_reused or not self._upload.may_repeat:
                    raise TargetFailed("it closed the connection without an answer")
            except BaseException:
                connection.close(at_once=True)
                raise
            connection.close(at_once=True)
            connection, first = None, self._upload.again()

    async def _connect(self) -> Connection:
        try:
            return await self._target.connect()
        except TimeoutError:
            raise TargetFailed("it did not take a connection in time", 504) from None
        except OSError as error:
            raise TargetFailed(f"it can't be reached: {error.strerror or error}") from None

    async def _attempt(self, connection: Connection, first: list[h11.Data | h11.EndOfMessage]) -> bool:
        """Send the request and pass on the answer; False when the target closed before the first byte of it."""
        uploading: asyncio.Task[None] | None = None
        try:
            try:
                connection.send(self._request_head())
                for event in first:
                    connection.send(event)
                await connection.flush()
                if not self._upload.is_over:
                    uploading = asyncio.create_task(self._upload.run(connection))
                response = await self._response_head(connection)
            except BROKEN as error:
                if self._upload.error is not None:
                    raise self._upload.error from None
                if connection.received_bytes:
                    raise TargetFailed(f"its answer is not HTTP or broke off: {error}") from None
                return False
            await self._pass_on(connection, response)
            return True
        finally:
            if uploading is not None:
                uploading.cancel()
                await asyncio.wait([uploading])

    def _request_head(self) -> h11.Request:
        headers = forwarded(self._request.headers.raw_items())
        if self._rules.rewrite_host or not has_header(headers, b"host"):
            headers = with_host(headers, self._target.address.host_header)
        return h11.Request(method=self._request.method, target=self._request.target, headers=headers)

    async def _response_head(self, connection: Connection) -> h11.Response:
        while True:
            event = await connection.next_event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse):
                # The client holds its body back until the target asks for it; other 1xx mean nothing to it.
                if event.status_code == 100 and self._client.http.they_are_waiting_for_100_continue:
                    self._client.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
                    await self._client.flush()
            else:
                raise ConnectionResetError("the connection was closed")

    async def _pass_on(self, connection: Connection, response: h11.Response) -> None:
        exchange, client = self._exchange, self._client
        exchange.status = response.status_code
        exchange.response_headers = response.headers.raw_items()
        if not self._upload.is_over:
            await asyncio.sleep(0)  # the last piece may be out, and only its end not noted yet
        self._send_head(response)
        while True:
            try:
                event = connection.ready_event()
                if event is h11.NEED_DATA:
                    await self._to_client()
                    event = await connection.next_event()
            except BROKEN as error:
                await self._to_client()
                # An old client takes the end of the connection for that of the answer; a reset tells it better.
                client.close(at_once=client.http.their_http_version == b"1.0")
                raise ClientFailed(f"the answer broke off: {error}", response.status_code) from None
            if isinstance(event, h11.Data):
                exchange.response.add(bytes(event.data))
                client.send(h11.Data(data=event.data))
            else:
                exchange.end()
                client.send(h11.EndOfMessage(headers=event.headers))
                await self._to_client()
                return

    async def _to_client(self) -> None:
        try:
            await self._client.flush()
        except OSError:
            raise ClientFailed("the client went away before it had the whole answer") from None

    def _send_head(self, response: h11.Response) -> None:
        headers: Headers = forwarded(response.headers.raw_items())
        if self._rules.id_header is not None:
            settled = settle_id(self._exchange)
            if settled.isascii() and settled.isprintable() and settled == settled.strip():  # else no header can hold it
                headers.append((self._rules.id_header, settled.encode()))
        if self._is_last() or not self._upload.is_over:
            headers.append((b"Connection", b"close"))
        head = h11.Response(status_code=response.status_code, headers=headers, reason=response.reason)
        data = self._client.http.send(head) or b""
        if self._request.method == b"HEAD" and not has_header(headers, b"transfer-encoding"):
            # h11 frames the body that a GET would have had; the target did not say how it would.
            data = data.replace(b"Transfer-Encoding: chunked\r\n", b"", 1)
        self._client.send_bytes(data)
