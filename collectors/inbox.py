"""The inbox: where accepted records are durable before anybody is told so, and wait for the flusher.

One thread writes. It takes every delivery that is waiting and commits them together, so that requests which arrive
together share one fsync. Other processes may write to the same file; only one flusher may empty it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from collectors import inbox_file
from collectors.inbox_file import transaction
from collectors.quarantine import bounded
from monitor.errors import Unavailable
from monitor.lake import Kind
from monitor.records import Refusal
from monitor.windows import EPOCH

log = logging.getLogger(__name__)

KEY_LIFE = timedelta(days=7)
_MOST_TOGETHER = 256
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was told: an HTTP status and a JSON body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Accepted records of one model and kind; `payload` is their MessagePack."""

    kind: Kind
    model: str
    count: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """Everything one request leaves behind, committed as one. `key` is its idempotency key."""

    received_at: datetime
    source: str
    kind: Kind
    answer: Answer
    batches: Sequence[Batch] = ()
    refusals: Sequence[Refusal] = ()
    key: str | None = None

    @property
    def size(self) -> int:
        return sum(len(batch.payload) for batch in self.batches) + sum(len(r.payload) for r in self.refusals)


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a delivery is durable. `repeated`: its key was known, so the first answer stands and nothing was stored."""

    answer: Answer
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One batch as it waits in the inbox."""

    id: int
    received_at: datetime
    source: str
    count: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """One refused record as it waits to be moved to the control database."""

    id: int
    received_at: datetime
    source: str
    model: str | None
    kind: str
    reason: str
    payload: bytes


class Inbox:
    """One inbox file, open for writing and for emptying. `close` waits for what was handed in."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._connection = inbox_file.open_inbox(path)
        self.collector_id = inbox_file.collector_id(self._connection)
        # Writer thread and flusher share the connection: waiting for this lock is prompt, SQLite's own waiting sleeps.
        self._using = threading.Lock()
        self._waiting: SimpleQueue[tuple[Delivery, Future[Receipt]] | None] = SimpleQueue()
        self._accepting = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="kedge-inbox", daemon=True)
        self._writer.start()

    def submit(self, delivery: Delivery) -> Future[Receipt]:
        """Hand a delivery in; the future is done once it is durable, or fails with Unavailable."""
        future: Future[Receipt] = Future()
        with self._accepting:
            if self._closed:
                raise Unavailable("the collector is shutting down; try again")
            self._waiting.put((delivery, future))
        return future

    def append(self, delivery: Delivery) -> Receipt:
        """Store a delivery and wait until it is durable. Raises Unavailable when it can't be stored now."""
        return self.submit(delivery).result()

    def close(self) -> None:
        """Stop accepting, store what was handed in, and close the file."""
        with self._accepting:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._writer.join()
        self._connection.close()

    def _write(self) -> None:
        while True:
            group = self._take_waiting()
            if group:
                self._commit([(delivery, future) for delivery, future in group if _begin(future)])
            else:
                return

    def _take_waiting(self) -> list[tuple[Delivery, Future[Receipt]]]:
        """Everything that waits, at least one; empty when the inbox is closing."""
        group = []
        item = self._waiting.get()
        while item is not None:
            group.append(item)
            if len(group) >= _MOST_TOGETHER:
                return group
            try:
                item = self._waiting.get_nowait()
            except Empty:
                return group
        if group:
            self._waiting.put(None)  # the sign to stop is for the next round
        return group

    def _commit(self, group: list[tuple[Delivery, Future[Receipt]]]) -> None:
        try:
            with self._using:
                self._check_room(sum(delivery.size for delivery, _ in group))
                with transaction(self._connection):
                    receipts = [self._store(delivery) for delivery, _ in group]
        except (sqlite3.Error, Unavailable) as error:
            log.warning("inbox %s took nothing: %s", self.path, error)
            for _, future in group:
                future.set_exception(Unavailable(f"the inbox can't store records now ({error}); try again later"))
            return
        for (_, future), receipt in zip(group, receipts, strict=True):
            future.set_result(receipt)

    def _check_room(self, needed: int) -> None:
        used = inbox_file.bytes_in_use(self._connection)
        if used + needed > self.max_bytes:
            raise Unavailable(f"it holds {used} bytes, inbox_max_bytes is {self.max_bytes}")

    def _store(self, delivery: Delivery) -> Receipt:
        at = micros(delivery.received_at)
        run = self._connection.execute
        if delivery.key is not None:
            key = f"{delivery.kind}/{delivery.key}"
            first = run("SELECT status, body FROM idempotency WHERE key = ?", (key,)).fetchone()
            if first is not None:
                return Receipt(Answer(*first), repeated=True)
            row = (key, delivery.answer.status, delivery.answer.body, at)
            run("INSERT INTO idempotency VALUES (?, ?, ?, ?)", row)
        for batch in delivery.batches:
            run(
                "INSERT INTO inbox (kind, model, received_at, source, n, payload) VALUES (?, ?, ?, ?, ?, ?)",
                (batch.kind.value, batch.model, at, delivery.source, batch.count, batch.payload),
            )
        self._connection.executemany(
            "INSERT INTO quarantine (received_at, source, model, kind, reason, payload) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (at, delivery.source, r.model, delivery.kind.value, r.reason, r.payload)
                for r in map(bounded, delivery.refusals)
            ],
        )
        return Receipt(delivery.answer)

    # What follows is the flusher's side.

    def waiting(self) -> list[tuple[str, Kind]]:
        """The models and kinds that have rows waiting, predictions first: labels look them up."""
        rows = self._read("SELECT DISTINCT model, kind FROM inbox ORDER BY kind DESC, model")
        return [(model, Kind(kind)) for model, kind in rows]

    def records_waiting(self) -> int:
        """How many records wait to be written to the lake."""
        return int(self._read("SELECT coalesce(sum(n), 0) FROM inbox")[0][0])

    def bytes_in_use(self) -> int:
        with self._using:
            return inbox_file.bytes_in_use(self._connection)

    def rows(self, model: str, kind: Kind, most_records: int) -> list[InboxRow]:
        """The oldest rows of one model and kind: one at least, and as many as carry up to `most_records`."""
        found = self._read(
            "SELECT id, received_at, source, n, payload FROM (SELECT *, sum(n) OVER (ORDER BY id) - n AS before"
            " FROM (SELECT * FROM inbox WHERE kind = ? AND model = ? ORDER BY id LIMIT 10000)) WHERE before < ?",
            (kind.value, model, most_records),
        )
        return [InboxRow(id, moment(at), source, n, payload) for id, at, source, n, payload in found]

    def forget(self, model: str, kind: Kind, through: int) -> None:
        """Delete the rows of one model and kind up to this one: they are in the lake and counted."""
        self._change("DELETE FROM inbox WHERE kind = ? AND model = ? AND id <= ?", [(kind.value, model, through)])

    def refuse(self, kind: Kind, refused: Iterable[tuple[InboxRow, Refusal]]) -> None:
        """Put records that were acknowledged before into quarantine; doing it again changes nothing."""
        self._change(
            "INSERT OR IGNORE INTO quarantine (received_at, source, model, kind, reason, payload, origin)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (micros(row.received_at), row.source, r.model, kind.value, r.reason, r.payload, f"{row.id}/{r.index}")
                for row, r in ((row, bounded(refusal)) for row, refusal in refused)
            ],
        )

    def refused(self, most: int = 500) -> list[RefusedRow]:
        """The oldest refused records that wait to be moved to the control database."""
        rows = self._read(
            "SELECT id, received_at, source, model, kind, reason, payload FROM quarantine ORDER BY id LIMIT ?", (most,)
        )
        return [RefusedRow(id, moment(at), *rest) for id, at, *rest in rows]

    def forget_refused(self, through: int) -> None:
        self._change("DELETE FROM quarantine WHERE id <= ?", [(through,)])

    def forget_keys(self, now: datetime) -> None:
        """Forget idempotency keys that are older than KEY_LIFE."""
        self._change("DELETE FROM idempotency WHERE created_at < ?", [(micros(now - KEY_LIFE),)])

    def _read(self, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
        with self._using:
            return self._connection.execute(statement, parameters).fetchall()

    def _change(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        with self._using, transaction(self._connection):
            self._connection.executemany(statement, rows)


def micros(at: datetime) -> int:
    """A moment as whole microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    return EPOCH + at * _MICROSECOND


def _begin(future: Future[Receipt]) -> bool:
    """False when the caller gave up waiting before the delivery was begun: then it isn't stored either."""
    return future.set_running_or_notify_cancel()
