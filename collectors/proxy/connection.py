"""One HTTP/1.1 connection, to a client or to the target: h11 for the protocol, asyncio for the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import h11

MAX_HEAD_BYTES = 256 * 1024
"""Longest head of a request or an answer: larger than any server of models takes, so the proxy is not what refuses."""
READ_AHEAD_BYTES = 256 * 1024
Event = Any  # h11's events have no common type but object


class Connection(asyncio.Protocol):
    """Events in with `next_event`, events out with `send` and `flush`. Used by one task for each direction.

    A connection that broke raises ConnectionError; bytes that are not HTTP raise h11.RemoteProtocolError. `at_eof`: the
    other side has closed its direction.
    """

    def __init__(self, role: type[h11.CLIENT] | type[h11.SERVER], on_made: Callable[[Connection], None] | None = None):
        self.http = h11.Connection(role, max_incomplete_event_size=MAX_HEAD_BYTES)
        self.received_bytes = 0
        self._on_made = on_made
        self._transport: asyncio.Transport | None = None
        self._error: Exception | None = None
        self._is_lost = self.at_eof = self._discards = False
        self._unread = 0
        self._out: list[bytes] = []
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    async def next_event(self) -> Event:
        """The next event from the other side; what was sent goes out before this waits."""
        while (event := self.ready_event()) is h11.NEED_DATA:
            await self.flush()
            await self._more()
        return event

    def ready_event(self) -> Event:
        """The next event if it is here already, else h11.NEED_DATA (or h11.PAUSED)."""
        return self.http.next_event()

    def send(self, event: Event) -> None:
        self.send_bytes(self.http.send(event))

    def send_bytes(self, data: bytes | None) -> None:
        if data:
            self._out.append(data)

    async def flush(self) -> None:
        """Hand what was sent to the system; waits while the other side does not take it."""
        if self._out:
            data, self._out = b"".join(self._out), []
            if self._transport is None or self._transport.is_closing():
                raise ConnectionResetError("the connection is closed")
            self._transport.write(data)
        if self._writable is not None:
            await self._writable
            if self._is_lost:
                raise ConnectionResetError("the connection is closed")

    def close(self, *, at_once: bool = False) -> None:
        """Close it; `at_once` without sending what is still under way, so the other side sees that it broke."""
        if self._transport is not None:
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()

    def end_sending(self) -> None:
        if self._transport is not None and self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()

    async def discard_input(self) -> None:
        """Read on, and throw away, until the other side has closed."""
        self._discards = True
        while not (self.at_eof or self._is_lost):
            await self._more()

    @property
    def is_usable(self) -> bool:
        """Whether an idle connection may carry a request: open, and nothing came that nobody had asked for."""
        closing = self._transport is None or self._transport.is_closing()
        return not (closing or self._is_lost or self.at_eof or self.http.trailing_data[0])

    def next_cycle(self) -> bool:
        """Make ready for the next request; False when this connection can't carry one."""
        if self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE:
            return False
        self.http.start_next_cycle()
        self._resume()
        self.received_bytes = 0
        return True

    async def _more(self) -> None:
        if self._error is not None or self._is_lost:
            raise ConnectionResetError(str(self._error or "the connection is closed"))
        self._resume()
        self._readable = asyncio.get_running_loop().create_future()
        try:
            await self._readable
        finally:
            self._readable = None

    def _resume(self) -> None:
        if self._unread > READ_AHEAD_BYTES and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        if self._on_made is not None:
            self._on_made(self)

    def data_received(self, data: bytes) -> None:
        if not self._discards:
            self.http.receive_data(data)
        self.received_bytes += len(data)
        was_below = self._unread <= READ_AHEAD_BYTES
        self._unread += len(data)
        if was_below and self._unread > READ_AHEAD_BYTES and self._transport is not None:
            self._transport.pause_reading()
        _wake(self._readable)

    def eof_received(self) -> bool:
        # A client may close its side and still wait for the answer; then the transport stays open to send it.
        self._end_input()
        return self.http.our_role is h11.SERVER

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost, self._error = True, error
        if error is None:
            self._end_input()
        _wake(self._readable)
        self.resume_writing()

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._writable)
        self._writable = None

    def _end_input(self) -> None:
        if not self.at_eof:
            self.at_eof = True
            self.http.receive_data(b"")
        _wake(self._readable)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
