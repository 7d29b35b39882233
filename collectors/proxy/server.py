"""The proxy's process: takes connections, relays their requests, and drains at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import h11
import msgspec

from collectors.client.call import Body
from collectors.client.logger import PredictionLogger
from collectors.proxy.connection import Connection
from collectors.proxy.exchange import Exchange, is_prediction
from collectors.proxy.headers import Headers
from collectors.proxy.recorder import Recorder
from collectors.proxy.relay import Relay, Rules, TargetFailed
from collectors.proxy.target import Address, Target
from collectors.proxy.upload import BROKEN, CLIENT_CLOSED_REQUEST, ClientFailed
from monitor.config import NO_MAPPING, MappingSettings
from monitor.errors import Unavailable

log = logging.getLogger("kedge.proxy")

LINGER_SECONDS = 2.0
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """What the proxy does. `paths`: those to log (with *), any prediction without them. `max_body_bytes`: of each body,
    what is kept to be read. `drain_seconds`: how long calls under way may take when the proxy is told to stop."""

    target: Address
    host: str = "127.0.0.1"
    port: int = 8610
    paths: tuple[str, ...] = ()
    max_body_bytes: int = 2**20
    drain_seconds: float = 30.0
    rules: Rules = field(default_factory=Rules)


class Proxy:
    """The proxy in a running event loop: `start`, then `stop`."""

    def __init__(self, settings: ProxySettings, recorder: Recorder) -> None:
        self._settings, self._recorder = settings, recorder
        self._target = Target(settings.target)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: set[Connection] = set()
        self._is_stopping = False
        self.forwarded = 0

    async def start(self) -> int:
        """Listen; returns the port. Raises Unavailable when the address can't be used."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(h11.SERVER, self._take), settings.host, settings.port, backlog=1024
            )
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise Unavailable(f"can't listen on {where}: {error.strerror or error}") from None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Take no new connections, let the calls under way end within `drain_seconds`, then break them off."""
        self._is_stopping = True
        if self._server is not None:
            self._server.close()
        for connection in self._idle:
            if not connection.http.trailing_data[0]:  # else a request has come, and is served yet
                connection.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._settings.drain_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._target.close()

    def _take(self, client: Connection) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: Connection) -> None:
        """Relay the requests of one connection, one after the other."""
        try:
            while (request := await self._next_request(client)) is not None:
                await self._exchange(client, request)
                if self._is_stopping or not client.next_cycle():
                    break
            await _say_goodbye(client)
        except BROKEN:
            pass
        except Exception:
            log.exception("a connection ended by an error of the proxy")
        finally:
            client.close()

    async def _next_request(self, client: Connection) -> h11.Request | None:
        self._idle.add(client)
        try:
            event = await client.next_event()
        except h11.RemoteProtocolError as error:
            _answer(client, error.error_status_hint, f"the request is not HTTP/1.1: {error}")
            return None
        finally:
            self._idle.discard(client)
        return event if isinstance(event, h11.Request) else None

    async def _exchange(self, client: Connection, request: h11.Request) -> None:
        method, path = request.method.decode("ascii"), request.target.decode("latin-1")
        most = self._settings.max_body_bytes
        exchange = Exchange(method, path, list(request.headers.raw_items()), Body(most), Body(most))
        if method == "CONNECT":
            return _answer(client, 405, "CONNECT is not forwarded")
        self.forwarded += 1
        try:
            await Relay(client, request, exchange, self._target, self._settings.rules, lambda: self._is_stopping).run()
        except TargetFailed as error:
            exchange.status = error.status
            exchange.error = f"the target {self._settings.target} gave no answer: {error}"
            _answer(client, error.status, exchange.error)
        except ClientFailed as error:
            exchange.error = str(error)
            if not exchange.status and error.status != CLIENT_CLOSED_REQUEST:
                _answer(client, error.status, exchange.error)
            exchange.status = error.status
        except asyncio.CancelledError:
            exchange.status, exchange.error = 503, "the proxy was stopped before the answer was complete"
            client.close(at_once=True)
            raise
        finally:
            if not exchange.time:
                exchange.end()
            if is_prediction(method, path, self._settings.paths):
                self._recorder.put(exchange)


def _answer(client: Connection, status: int, error: str) -> None:
    """The proxy's own answer, where the target can't give one."""
    if client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return client.close(at_once=True)
    body = msgspec.json.encode({"error": f"kedge proxy: {error}"})
    headers: Headers = [
        (b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body)), (b"Connection", b"close")
    ]  # fmt: skip
    client.send(h11.Response(status_code=status, headers=headers, reason=b"Kedge Proxy"))
    client.send(h11.Data(data=body))
    client.send(h11.EndOfMessage())


async def _say_goodbye(client: Connection) -> None:
    """Send what is left; a client that is still writing would not see the answer if the connection closed at once."""
    await client.flush()
    if client.http.their_state not in (h11.DONE, h11.CLOSED, h11.MUST_CLOSE):
        client.end_sending()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await client.discard_input()


def run(
    settings: ProxySettings,
    logger: PredictionLogger,
    mapping: MappingSettings = NO_MAPPING,
    on_ready: Callable[[int], None] = lambda port: None,
) -> Recorder:
    """Run the proxy until SIGTERM or SIGINT, then drain. Raises Unavailable when the address can't be used."""
    recorder = Recorder(logger, mapping)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_told_to_stop(settings, recorder, on_ready))
    finally:
        recorder.close(CLOSE_SECONDS)
    return recorder


async def _until_told_to_stop(settings: ProxySettings, recorder: Recorder, on_ready: Callable[[int], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt instead
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    proxy = Proxy(settings, recorder)
    on_ready(await proxy.start())
    await stop.wait()
    await proxy.stop()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
