"""The join buffer: halves wait in the inbox file until their other side comes, or until they have waited long enough.

A step reads what can be settled (`read_due`), works out what becomes of it without touching the file (`settle`), and
writes the outcome (`write`): the records, the refusals and the deletion of the halves are one transaction, so a call
is settled once, whenever the process dies. One process settles an inbox: the flusher, which holds it.

Each half is looked at once, when it is new: its other side is there already, or finds it later. The mark of how far
that has come is in the file as well, so the calls that wait for an answer cost a step nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from collectors.deliveries import Batch
from collectors.formats.registry import Decoded
from collectors.inbox_file import micros
from collectors.joining import NotJoinable, alone, join
from collectors.payloads import pack
from collectors.quarantine import bounded
from collectors.terms import Terms
from collectors.validation import validate
from collectors.wire import Half, Side, WirePrediction, WireRecord
from monitor.config import CollectorSettings
from monitor.errors import Conflict
from monitor.lake import Kind
from monitor.records import Refusal

MOST_HALVES = 5_000
"""How many halves one step looks at, and how many that waited in vain it settles: about a tenth of a second."""

_MOST_BYTES = 8 * 2**20
_MARK = "joined_through"
_DECODER = msgspec.msgpack.Decoder(Half)

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


@dataclass(frozen=True, slots=True)
class StoredHalf:
    """A half as it waits in the file."""

    id: int
    source: str
    payload: bytes


@dataclass(slots=True)
class Due:
    """What one step settles. It looked at halves `since` one and `through` another; `more`: another step has work."""

    since: int
    through: int
    pairs: list[tuple[StoredHalf, StoredHalf]] = field(default_factory=list)
    late: list[StoredHalf] = field(default_factory=list)
    more: bool = False

    @property
    def ids(self) -> list[int]:
        return sorted([half.id for pair in self.pairs for half in pair] + [half.id for half in self.late])


@dataclass(slots=True)
class Settled:
    """What became of the halves of one step: batches and refusals, each with the source that brought them."""

    batches: list[tuple[str, Batch]] = field(default_factory=list)
    refusals: list[tuple[str, Refusal]] = field(default_factory=list)


@dataclass(slots=True)
class JoinReport:
    """What steps did: calls joined, halves that stayed alone, records made of them, and what was refused."""

    joined: int = 0
    alone: int = 0
    records: int = 0
    refused: int = 0
    more: bool = False

    def add(self, part: JoinReport) -> None:
        self.joined += part.joined
        self.alone += part.alone
        self.records += part.records
        self.refused += part.refused
        self.more = part.more


class Joiner:
    """Settles the halves of one inbox, step by step. `writing` gives its connection, held and in a transaction."""

    def __init__(
        self, writing: Callable[[], AbstractContextManager[sqlite3.Connection]], settings: CollectorSettings
    ) -> None:
        self._writing = writing
        self._settings = settings

    def step(self, now: datetime) -> JoinReport:
        """Settle what can be settled, the oldest first. The inbox is held only while the file is read and written."""
        with self._writing() as connection:
            due = read_due(connection, now, self._settings)
        settled = settle(due, now, self._settings)
        if due.through > due.since or due.late:
            with self._writing() as connection:
                write(connection, due, settled, now)
        return report_of(due, settled)

    def run(self, now: datetime, most_steps: int = 10) -> JoinReport:
        """Steps until nothing can be settled, or so many; `more` says which."""
        report = self.step(now)
        for _ in range(most_steps - 1):
            if not report.more:
                break
            report.add(self.step(now))
        return report


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


def settle(due: Due, now: datetime, settings: CollectorSettings) -> Settled:
    """What becomes of these halves. Their records pass the same validation as those that were sent whole."""
    settled = Settled()
    records: dict[str, list[WireRecord]] = {}
    size = 0
    for halves in [*due.pairs, *((half,) for half in due.late)]:
        source = halves[0].source
        size += sum(len(half.payload) for half in halves)
        try:
            found = _records(halves)
        except (NotJoinable, msgspec.MsgspecError) as error:
            settled.refusals.append((source, _refusal(halves, str(error))))
        else:
            records.setdefault(source, []).extend(found)
    terms = Terms(now=now, limits=settings, new_ids=lambda count: [], body_bytes=size)
    for source, some in _in_bodies(records, settings.max_records):
        validated = validate(Decoded(some, range(len(some))), terms)
        settled.batches += [(source, batch) for batch in pack(validated)]
        settled.refusals += [(source, refusal) for refusal in validated.refusals]
    return settled


def _in_bodies(records: dict[str, list[WireRecord]], most: int) -> Iterable[tuple[str, list[WireRecord]]]:
    """The records of each source, no more together than one request may carry: calls of many rows add up."""
    for source, of_source in records.items():
        for start in range(0, len(of_source), most):
            yield source, of_source[start : start + most]


def _records(stored: Sequence[StoredHalf]) -> list[WirePrediction]:
    halves = [_DECODER.decode(half.payload) for half in stored]
    if len(halves) == 1:
        return alone(halves[0])
    one, other = halves
    return join(one, other) if one.side is Side.REQUEST else join(other, one)


def _refusal(halves: Sequence[StoredHalf], reason: str) -> Refusal:
    """The halves are kept side by side, as a JSON array."""
    try:
        sent = [msgspec.msgpack.decode(half.payload) for half in halves]
        model = next((each.get("model") for each in sent if each.get("model")), None)
        return Refusal(index=0, reason=reason, model=model, payload=msgspec.json.encode(sent))
    except (msgspec.MsgspecError, AttributeError):  # they are not even MessagePack of ours
        return Refusal(index=0, reason=reason, payload=b"\n".join(half.payload for half in halves))


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
    connection.executemany(
        "INSERT INTO quarantine (received_at, source, model, kind, reason, payload) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (at, source, kept.model, Kind.PREDICTIONS.value, kept.reason, kept.payload)
            for source, kept in _bounded(settled.refusals)
        ],
    )


def _bounded(refusals: Iterable[tuple[str, Refusal]]) -> Iterable[tuple[str, Refusal]]:
    return ((source, bounded(refusal)) for source, refusal in refusals)


def report_of(due: Due, settled: Settled) -> JoinReport:
    return JoinReport(
        joined=len(due.pairs),
        alone=len(due.late),
        records=sum(batch.count for _, batch in settled.batches),
        refused=len(settled.refusals),
        more=due.more,
    )
