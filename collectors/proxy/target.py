"""The endpoint behind the proxy: its address, and the connections to it that wait for the next request."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from collectors.proxy.connection import Connection
from monitor.errors import ConfigError

MOST_IDLE = 128
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where the endpoint listens."""

    host: str
    port: int
    is_tls: bool = False

    @property
    def host_header(self) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = 443 if self.is_tls else 80
        return (host if self.port == standard else f"{host}:{self.port}").encode()

    def __str__(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://{self.host_header.decode()}"


def read_target(url: str) -> Address:
    """The address in `http://host:port`. Raises ConfigError."""
    accepted = "accepted: http://HOST:PORT or https://HOST:PORT, without a path"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"target {url!r} is not usable: {error}; {accepted}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ConfigError(f"target {url!r} is not usable; {accepted}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError(f"target {url!r} has a path; {accepted}: the path of each request is kept")
    is_tls = parts.scheme == "https"
    return Address(parts.hostname, port or (443 if is_tls else 80), is_tls)


class Target:
    """Gives out connections to the endpoint, last used first: those are the least likely to be closed."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._idle: list[Connection] = []
        self._tls = ssl.create_default_context() if address.is_tls else None

    def take_idle(self) -> Connection | None:
        """A connection that has carried a request before, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.close()
        return None

    async def connect(self) -> Connection:
        """A new connection. Raises OSError (TimeoutError after CONNECT_SECONDS)."""
        loop = asyncio.get_running_loop()
        address = self.address
        async with asyncio.timeout(CONNECT_SECONDS):
            _, connection = await loop.create_connection(
                lambda: Connection(h11.CLIENT), address.host, address.port, ssl=self._tls
            )
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over for the next one, if it can carry one."""
        if len(self._idle) < MOST_IDLE and connection.next_cycle() and connection.is_usable:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()
