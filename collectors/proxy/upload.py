"""The body of a request on its way from the client to the target."""

from __future__ import annotations

import h11

from collectors.client.call import Body
from collectors.proxy.connection import Connection

CLIENT_CLOSED_REQUEST = 499
BROKEN = (OSError, h11.RemoteProtocolError)


class ClientFailed(Exception):
    """The client went away, or sent what is not HTTP; `status` is the answer it gets if it is still there."""

    def __init__(self, message: str, status: int = CLIENT_CLOSED_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def request_broke_off(error: Exception, client: Connection) -> ClientFailed:
    """What a client did wrong: it sent what is not HTTP, or it has closed before its request was whole."""
    if isinstance(error, h11.RemoteProtocolError) and not client.at_eof:
        return ClientFailed(f"the request is not HTTP/1.1: {error}", error.error_status_hint)
    return ClientFailed("the request broke off: the client has gone")


class Upload:
    """The body of a request on its way to the target; `copy` keeps what was sent, to its bound, to repeat it."""

    def __init__(self, client: Connection, copy: Body) -> None:
        self.error: ClientFailed | None = None
        self._client, self._copy = client, copy
        self._end: h11.EndOfMessage | None = None
        self._took_any = False

    @property
    def may_repeat(self) -> bool:
        return self._copy.whole is not None

    def take_ready(self) -> list[h11.Data | h11.EndOfMessage]:
        """What has come already."""
        events = []
        while self._end is None and (event := self._client.ready_event()) is not h11.NEED_DATA:
            events.append(self._note(event))
        return events

    async def run(self, target: Connection) -> None:
        """Send the rest of the body as it comes. An error of the target is left to whoever reads its answer."""
        while self._end is None:
            try:
                event = self._note(await self._client.next_event())
            except BROKEN as error:
                self.error = request_broke_off(error, self._client)
                target.close(at_once=True)
                return
            try:
                target.send(event)
                await target.flush()
            except (OSError, h11.LocalProtocolError):
                return

    def again(self) -> list[h11.Data | h11.EndOfMessage]:
        """What to send to another connection first: all that was taken so far."""
        sent: list[h11.Data | h11.EndOfMessage] = []
        if kept := self._copy.whole:
            sent.append(h11.Data(data=kept))
        return [*sent, self._end] if self._end is not None else sent

    @property
    def is_over(self) -> bool:
        return self._end is not None

    def _note(self, event: object) -> h11.Data | h11.EndOfMessage:
        if isinstance(event, h11.Data):
            self._copy.add(bytes(event.data))
            return event
        if isinstance(event, h11.EndOfMessage):
            self._end = event
            return event
        raise ConnectionResetError("the client has gone")
