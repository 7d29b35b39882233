"""The index of prediction ids: which inbox row brought an id first, and when its prediction was made.

An id seen twice counts once: the first inbox row that claims it owns it for good, so a flush that is repeated after a
crash decides the same. Labels find the windows of their predictions here. The index is a file of its own, beside the
inbox, held exclusively: this is also the lock that keeps two flushers from emptying one inbox.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from collectors.inbox import micros, moment
from collectors.inbox_file import connect, transaction
from monitor.errors import Conflict, Unavailable

MEMORY = timedelta(days=90)
"""How long an id is remembered; after that a repeat of it counts again, and its label touches no window."""

_TOGETHER = 500
_SCHEMA = """CREATE TABLE IF NOT EXISTS prediction_ids (
    id_hash BLOB PRIMARY KEY,     -- 128 bits of model and prediction id
    owner_row INTEGER NOT NULL,   -- the inbox row that brought it first
    event_time INTEGER NOT NULL,  -- microseconds since 1970
    claimed_at INTEGER NOT NULL
) WITHOUT ROWID"""


class PredictionIds:
    """The index, open and held. Raises Conflict when another flusher holds it, Unavailable when it can't be used."""

    def __init__(self, path: Path, collector_id: str) -> None:
        try:
            self._connection = connect(path, exclusively=True, timeout=0.5)
            with transaction(self._connection):
                self._connection.execute(_SCHEMA)
                self._connection.execute("CREATE TABLE IF NOT EXISTS belongs_to (collector_id TEXT)")
                self._adopt(collector_id)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Conflict(f"another flusher works on {path} ({error}); one is allowed") from None
            raise Unavailable(f"the index of prediction ids {path} can't be used: {error}") from None

    def _adopt(self, collector_id: str) -> None:
        """Row numbers mean something only within one inbox: those of an earlier inbox own nothing any more."""
        known = self._connection.execute("SELECT collector_id FROM belongs_to").fetchone()
        if known != (collector_id,):
            self._connection.execute("UPDATE prediction_ids SET owner_row = 0")
            self._connection.execute("DELETE FROM belongs_to")
            self._connection.execute("INSERT INTO belongs_to VALUES (?)", (collector_id,))

    def claim(self, model: str, claims: Sequence[tuple[str, int, datetime]], now: datetime) -> list[bool]:
        """For each (prediction id, inbox row, event time) in order: whether that row owns the id, by this or an
        earlier call. Within one row the first record does."""
        hashes = [digest(model, prediction_id) for prediction_id, _, _ in claims]
        first: dict[bytes, tuple[int, datetime]] = {}
        owns = []
        for hashed, (_, row, event_time) in zip(hashes, claims, strict=True):
            owns.append(hashed not in first)
            first.setdefault(hashed, (row, event_time))
        if self._insert(first, micros(now)) == len(first):
            return owns
        owner = {hashed: row for hashed, row, _ in self._find(list(first))}
        return [own and owner[h] == row for own, h, (_, row, _) in zip(owns, hashes, claims, strict=True)]

    def _insert(self, first: dict[bytes, tuple[int, datetime]], now: int) -> int:
        before = self._connection.total_changes
        # In the order of the hashes neighbours share a page: much faster once the index outgrows the cache.
        rows = [(hashed, *first[hashed]) for hashed in sorted(first)]
        with transaction(self._connection):
            self._connection.executemany(
                "INSERT OR IGNORE INTO prediction_ids VALUES (?, ?, ?, ?)",
                [(hashed, row, micros(event_time), now) for hashed, row, event_time in rows],
            )
        return self._connection.total_changes - before

    def moments(self, model: str, prediction_ids: Sequence[str]) -> list[datetime]:
        """Event times of those of the predictions that are known."""
        return [moment(at) for _, _, at in self._find([digest(model, each) for each in prediction_ids])]

    def _find(self, hashes: Sequence[bytes]) -> Iterator[tuple[bytes, int, int]]:
        for start in range(0, len(hashes), _TOGETHER):
            some = hashes[start : start + _TOGETHER]
            marks = ",".join("?" * len(some))
            yield from self._connection.execute(
                f"SELECT id_hash, owner_row, event_time FROM prediction_ids WHERE id_hash IN ({marks})", some
            )

    def forget_old(self, now: datetime) -> None:
        """Forget ids that were claimed longer than MEMORY ago."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM prediction_ids WHERE claimed_at < ?", (micros(now - MEMORY),))

    def close(self) -> None:
        self._connection.close()


def digest(model: str, prediction_id: str) -> bytes:
    return blake2b(f"{model}\x00{prediction_id}".encode(), digest_size=16).digest()
