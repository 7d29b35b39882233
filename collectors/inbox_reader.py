"""The inbox as the flusher sees it: what waits, oldest first, and how it leaves. Also the one way to its connection."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from collectors import inbox_file
from collectors.deliveries import Delivery, Encoding, InboxRow, RefusedRow
from collectors.inbox_file import micros, moment, transaction
from collectors.quarantine import bounded
from collectors.segments import bytes_in, read_payload, sweep
from monitor.lake import Kind
from monitor.records import Refusal

KEY_LIFE = timedelta(days=7)


class InboxReader:
    """One inbox file, open for emptying. It may be open for writing elsewhere, also in another process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.segments = path.with_name(f"{path.stem}-segments")
        self._connection = inbox_file.open_inbox(path)
        self.collector_id = inbox_file.collector_id(self._connection)
        # Threads share the connection: waiting for this lock is prompt, SQLite's own waiting sleeps.
        self._using = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction of its own, committed at the end of the block."""
        with self._using, transaction(self._connection):
            yield self._connection

    def waiting(self) -> list[tuple[str, Kind]]:
        """The models and kinds that have rows waiting, predictions first: labels look them up."""
        rows = self._read("SELECT DISTINCT model, kind FROM inbox ORDER BY kind DESC, model")
        return [(model, Kind(kind)) for model, kind in rows]

    def records_waiting(self) -> int:
        """How many records wait to be written to the lake."""
        return int(self._read("SELECT coalesce(sum(n), 0) FROM inbox")[0][0])

    def oldest(self) -> datetime | None:
        """When the oldest waiting row was received; None when nothing waits."""
        rows = self._read("SELECT received_at FROM inbox ORDER BY id LIMIT 1")
        return moment(rows[0][0]) if rows else None

    def bytes_in_use(self) -> int:
        with self._using:
            return self._bytes_in_use()

    def sweep(self) -> int:
        """Remove the segments whose rows are gone. Returns how many."""
        with self._using:
            return self._sweep()

    def load(self, row: InboxRow) -> InboxRow:
        """The row with its payload, where that is in a segment."""
        if row.place is None:
            return row
        return msgspec.structs.replace(row, payload=read_payload(self.segments, *row.place), place=None)

    def rows(self, model: str, kind: Kind, most_records: int) -> list[InboxRow]:
        """The oldest rows of one model and kind: one at least, and as many as carry up to `most_records`.

        Payloads in segments are not read yet: see `load`.
        """
        found: list[InboxRow] = []
        records = 0
        with self._using, closing(self._connection.cursor()) as cursor:
            cursor.execute(
                "SELECT id, received_at, source, n, payload, encoding, segment, offset, length FROM inbox"
                " WHERE kind = ? AND model = ? ORDER BY id",
                (kind.value, model),
            )
            for id, at, source, n, payload, encoding, segment, offset, length in cursor:
                place = None if segment is None else (segment, offset, length)
                found.append(InboxRow(id, moment(at), source, n, payload, Encoding(encoding), place))
                records += n
                if records >= most_records:
                    break
        return found

    def forget(self, model: str, kind: Kind, through: int, refused: Iterable[tuple[InboxRow, Refusal]] = ()) -> None:
        """Delete the rows of one model and kind up to this one: they are in the lake and counted.

        Those of their records that are refused after all go to quarantine in the same commit: each goes there once.
        """
        with self.writing() as connection:
            self._quarantine(kind, refused)
            connection.execute(
                "DELETE FROM inbox WHERE kind = ? AND model = ? AND id <= ?", (kind.value, model, through)
            )

    def refused(self, most: int = 500) -> list[RefusedRow]:
        """The oldest refused records that wait to be moved to the control database."""
        rows = self._read(
            "SELECT id, received_at, source, model, kind, reason, payload, log_format FROM quarantine"
            " ORDER BY id LIMIT ?",
            (most,),
        )
        return [RefusedRow(id, moment(at), *rest) for id, at, *rest in rows]

    def forget_refused(self, through: int) -> None:
        with self.writing() as connection:
            connection.execute("DELETE FROM quarantine WHERE id <= ?", (through,))

    def forget_keys(self, now: datetime) -> None:
        """Forget idempotency keys that are older than KEY_LIFE."""
        with self.writing() as connection:
            connection.execute("DELETE FROM idempotency WHERE created_at < ?", (micros(now - KEY_LIFE),))

    def checkpoint(self, source: str) -> bytes | None:
        """How far the source of this name has read, as it said itself; None before its first delivery."""
        rows = self._read("SELECT state FROM checkpoints WHERE source = ?", (source,))
        return rows[0][0] if rows else None

    def note(self, key: str) -> str | None:
        """What was kept under this key with `keep_note`."""
        rows = self._read("SELECT value FROM meta WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def keep_note(self, key: str, value: str) -> None:
        with self.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def close(self) -> None:
        self._connection.close()

    def _sweep(self) -> int:
        named = "SELECT DISTINCT segment FROM inbox WHERE segment IS NOT NULL"
        return sweep(self.segments, lambda: {name for (name,) in self._connection.execute(named)})

    def _bytes_in_use(self) -> int:
        return inbox_file.bytes_in_use(self._connection) + bytes_in(self.segments)

    def _quarantine(
        self, kind: Kind, refused: Iterable[tuple[Delivery | InboxRow, Refusal]], log_format: str = ""
    ) -> None:
        self._connection.executemany(
            "INSERT INTO quarantine (received_at, source, model, kind, reason, payload, log_format)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (micros(brought.received_at), brought.source, r.model, kind.value, r.reason, r.payload, log_format)
                for brought, r in ((brought, bounded(refusal)) for brought, refusal in refused)
            ],
        )

    def _read(self, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
        with self._using:
            return self._connection.execute(statement, parameters).fetchall()
