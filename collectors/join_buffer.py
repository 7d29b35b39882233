"""The join buffer: halves wait in the inbox file until their other side comes, or until they have waited long enough.

Each half is looked at once, when it is new: its other side is there already, or finds it later. The mark of how far
that has come is in the file as well, so the calls that wait for an answer cost nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collectors.inbox_file import micros
from collectors.quarantine import bounded
from collectors.settlement import Settled, StoredHalf
from monitor.config import CollectorSettings
from monitor.errors import Conflict
from monitor.lake import Kind

MOST_HALVES = 5_000
"""How many halves one step looks at, and how many that waited in vain it settles: about a tenth of a second."""

_MOST_BYTES = 8 * 2**20
_MARK = "joined_through"

# The new halves, each beside the one that came before it and has the same key, the other side and the same model; a
# half that names no model belongs to any. All lookups go through the unique index of (key, model, side).
_NEW = """
SELECT n.id, n.source, n.payload, o.id, o.source, o.payload FROM halves AS n LEFT JOIN halves AS o ON o.id = coalesce(
    (SELECT id FROM halves WHERE key = n.key AND model = n.model AND side = {other} AND id < n.id),
    (SELECT id FROM halves WHERE key = n.key AND model = '' AND side = {other} AND id < n.id),
    CASE n.model WHEN '' THEN (SELECT min(id) FROM halves WHERE key = n.key AND side = {other} AND id < n.id) END
) WHERE n.id > ? ORDER BY n.id LIMIT ?
""".format(other="iif(n.side = 'request', 'response', 'request')")

_LATE = "SELECT id, source, payload FROM halves WHERE received_at <= ? ORDER BY received_at LIMIT ?"


@dataclass(slots=True)
class Due:
    """What one step settles. It looked at halves `since` one and `through` another; `more`: another step has work."""

    since: int
    through: int
    pairs: list[tuple[StoredHalf, StoredHalf]] = field(default_factory=list)
    late: list[StoredHalf] = field(default_factory=list)
    more: bool = False

    @property
    def calls(self) -> list[tuple[StoredHalf, ...]]:
        """The halves that belong together: two, or one that stayed alone."""
        return [*self.pairs, *((half,) for half in self.late)]

    @property
    def ids(self) -> list[int]:
        return sorted(half.id for call in self.calls for half in call)


def halves_waiting(connection: sqlite3.Connection) -> int:
    """How many halves wait for their other side."""
    return int(connection.execute("SELECT count(*) FROM halves").fetchone()[0])


def read_due(
    connection: sqlite3.Connection, now: datetime, settings: CollectorSettings, most: int = MOST_HALVES
) -> Due:
    """The calls that are complete since the last step; once all halves were looked at, also those that came too long
    ago (by the time they were received)."""
    due = _read_pairs(connection, most)
    if not due.more:
        _read_late(connection, now - timedelta(seconds=settings.join_seconds), most, due)
    return due


def _read_pairs(connection: sqlite3.Connection, most: int) -> Due:
    mark = connection.execute("SELECT value FROM meta WHERE key = ?", (_MARK,)).fetchone()
    since = int(mark[0]) if mark else 0
    due = Due(since, since)
    paired: set[int] = set()
    seen = size = 0
    with closing(connection.execute(_NEW, (due.through, most))) as cursor:
        for id, source, payload, other, other_source, other_payload in cursor:
            seen += 1
            due.through = id
            if other is None or other in paired:
                continue
            paired |= {id, other}
            due.pairs.append((StoredHalf(id, source, payload), StoredHalf(other, other_source, other_payload)))
            size += len(payload) + len(other_payload)
            if size >= _MOST_BYTES:
                break
    due.more = seen >= most or size >= _MOST_BYTES
    return due


def _read_late(connection: sqlite3.Connection, before: datetime, most: int, due: Due) -> None:
    paired = {half.id for pair in due.pairs for half in pair}
    size = 0
    with closing(connection.execute(_LATE, (micros(before), most + len(paired)))) as cursor:
        for id, source, payload in cursor:
            if id in paired:
                continue
            due.late.append(StoredHalf(id, source, payload))
            size += len(payload)
            if size >= _MOST_BYTES or len(due.late) >= most:
                due.more = True
                return


def write(connection: sqlite3.Connection, due: Due, settled: Settled, now: datetime) -> None:
    """Write the outcome of a step in the caller's transaction. Raises Conflict when another process settled some of
    these halves meanwhile; nothing of this must stay then."""
    at = micros(now)
    _insert(connection, at, settled)
    ids = due.ids
    before = connection.total_changes
    connection.executemany("DELETE FROM halves WHERE id = ?", zip(ids))
    if connection.total_changes - before != len(ids):
        raise Conflict("another process joined calls of this inbox; one flusher is allowed")
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_MARK, str(due.through)))


def _insert(connection: sqlite3.Connection, at: int, settled: Settled) -> None:
    connection.executemany(
        "INSERT INTO inbox (kind, model, received_at, source, n, payload) VALUES (?, ?, ?, ?, ?, ?)",
        [(b.kind.value, b.model, at, source, b.count, b.payload) for source, b in settled.batches],
    )
    refusals = [(source, bounded(refusal)) for source, refusal in settled.refusals]
    connection.executemany(
        "INSERT INTO quarantine (received_at, source, model, kind, reason, payload) VALUES (?, ?, ?, ?, ?, ?)",
        [(at, source, r.model, Kind.PREDICTIONS.value, r.reason, r.payload) for source, r in refusals],
    )
