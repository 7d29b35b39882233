"""A join buffer in a file of its own, and what tests want to know of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import msgspec

from collectors.inbox_file import micros, open_inbox, transaction
from collectors.join_buffer import halves_waiting
from collectors.joiner import Joiner
from collectors.wire import Half, Side, WirePrediction
from monitor.config import CollectorSettings

PUT = "INSERT OR IGNORE INTO halves (model, key, side, received_at, source, payload) VALUES (?, ?, ?, ?, ?, ?)"


class Buffer:
    """The halves' side of an inbox file."""

    def __init__(self, path: Path, **limits: Any) -> None:
        self.path = path
        self.settings = CollectorSettings(**limits)
        self.restart()

    def restart(self) -> None:
        """Forget everything that is not in the file."""
        if hasattr(self, "connection"):
            self.connection.close()
        self.connection: Connection = open_inbox(self.path)
        self.connection.execute("PRAGMA synchronous=OFF")
        self.joiner = Joiner(self.writing, self.settings)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with transaction(self.connection):
            yield self.connection

    def put(self, now: datetime, *halves: Half, source: str = "test") -> None:
        with self.writing() as connection:
            connection.executemany(PUT, [as_row(half, now, source) for half in halves])

    def records(self) -> list[dict[str, Any]]:
        """What waits for the lake, in the order in which it came."""
        rows = self.connection.execute("SELECT payload FROM inbox ORDER BY id")
        return [record for (payload,) in rows for record in msgspec.msgpack.decode(payload)]

    def refused(self) -> list[tuple[str, Any]]:
        rows = self.connection.execute("SELECT reason, payload FROM quarantine ORDER BY id")
        return [(reason, json.loads(payload)) for reason, payload in rows]

    @property
    def waiting(self) -> int:
        return halves_waiting(self.connection)


def as_row(half: Half, now: datetime, source: str = "test") -> tuple[Any, ...]:
    return half.model or "", half.key, half.side.value, micros(now), source, msgspec.msgpack.encode(half)


def request(key: str, now: datetime, rows: int = 1, **fields: Any) -> Half:
    asked = [WirePrediction(features={"age": place}) for place in range(rows)]
    named = {"key": key, "request_id": key, "model": "m", "alone": "no response", "time": now, "rows": asked}
    return Half(**{"side": Side.REQUEST} | named | fields)


def response(key: str, now: datetime, rows: int = 1, **fields: Any) -> Half:
    answered = [WirePrediction(prediction=place) for place in range(rows)]
    return Half(
        **{"key": key, "side": Side.RESPONSE, "request_id": key, "model": "m", "time": now, "rows": answered} | fields
    )


@contextmanager
def buffer_in(folder: Path, **limits: Any) -> Iterator[Buffer]:
    buffer = Buffer(folder / "inbox.sqlite", **limits)
    try:
        yield buffer
    finally:
        with closing(buffer.connection):
            pass
