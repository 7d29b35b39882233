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
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import msgspec

from collectors import inbox_file
from collectors.inbox_file import transaction
from collectors.quarantine import MAX_PAYLOAD, bounded
from collectors.wire import DeclaredFeatures, Half
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
    """Everything one request leaves behind, committed as one.

    `key` is its idempotency key and `digest` that of what was sent. `conflict` is left behind instead when the key came
    before with something else. `checkpoint` is (name of a source, how far it has read). `log_format` names the format
    that refused records were written in.
    """

    received_at: datetime
    source: str
    kind: Kind
    answer: Answer
    batches: Sequence[Batch] = ()
    refusals: Sequence[Refusal] = ()
    halves: Sequence[Half] = ()
    declared: Sequence[DeclaredFeatures] = ()
    log_format: str = ""
    checkpoint: tuple[str, bytes] | None = None
    key: str | None = None
    digest: bytes = b""
    conflict: Delivery | None = None

    @property
    def size(self) -> int:
        refused = sum(min(len(refusal.payload), MAX_PAYLOAD) for refusal in self.refusals)
        return refused + sum(len(batch.payload) for batch in self.batches)


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a delivery is durable.

    `repeated`: its key was known, so the first answer stands and nothing was stored. `conflict`: its key was known from
    something else, so it went to quarantine.
    """

    answer: Answer
    repeated: bool = False
    conflict: bool = False


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
    log_format: str = ""


_Waiting = tuple[Delivery, Future[Receipt]]


class Inbox:
    """One inbox file, open for writing and for emptying. `close` waits for what was handed in."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._connection = inbox_file.open_inbox(path)
        self.collector_id = inbox_file.collector_id(self._connection)
        # Writer thread and flusher share the connection: waiting for this lock is prompt, SQLite's own waiting sleeps.
        self._using = threading.Lock()
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
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

    def checkpoint(self, source: str) -> bytes | None:
        """How far the source of this name has read, as it said itself; None before its first delivery."""
        rows = self._read("SELECT state FROM checkpoints WHERE source = ?", (source,))
        return rows[0][0] if rows else None

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

    def _take_waiting(self) -> list[_Waiting]:
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

    def _commit(self, group: Sequence[_Waiting]) -> None:
        try:
            with self._using:
                admitted = self._admit(group)
                with transaction(self._connection):
                    receipts = [self._store(delivery) for delivery, _ in admitted]
        except Exception as error:  # whatever it is: these senders are told, and the next ones are served
            log.warning("inbox %s took nothing: %s", self.path, error, exc_info=not isinstance(error, sqlite3.Error))
            for future in [future for _, future in group if not future.done()]:
                future.set_exception(Unavailable(f"the inbox can't store records now ({error}); try again later"))
            return
        for (_, future), receipt in zip(admitted, receipts, strict=True):
            future.set_result(receipt)

    def _admit(self, group: Sequence[_Waiting]) -> list[_Waiting]:
        """The deliveries there is room for, one after the other; the others fail, and only they."""
        used = inbox_file.bytes_in_use(self._connection)
        admitted = []
        for delivery, future in group:
            if used + delivery.size <= self.max_bytes:
                used += delivery.size
                admitted.append((delivery, future))
                continue
            room = f"it holds {used} bytes, inbox_max_bytes is {self.max_bytes}"
            log.warning("inbox %s has no room for %d bytes: %s", self.path, delivery.size, room)
            future.set_exception(
                Unavailable(f"the inbox has no room for the {delivery.size} bytes of this ({room}); try again later")
            )
        return admitted

    def _store(self, delivery: Delivery) -> Receipt:
        if delivery.key is not None:
            known = self._known(f"{delivery.kind}/{delivery.key}", delivery)
            if known is not None:
                return known
        self._insert(delivery)
        return Receipt(delivery.answer)

    def _known(self, key: str, delivery: Delivery) -> Receipt | None:
        """What a key that came before leads to; a new one is remembered, unless nothing was accepted under it."""
        run = self._connection.execute
        first = run("SELECT status, body, digest FROM idempotency WHERE key = ?", (key,)).fetchone()
        if first is None:
            if delivery.batches:
                answer, at = delivery.answer, micros(delivery.received_at)
                run(
                    "INSERT INTO idempotency (key, status, body, created_at, digest) VALUES (?, ?, ?, ?, ?)",
                    (key, answer.status, answer.body, at, delivery.digest),
                )
            return None
        status, body, digest = first
        if delivery.conflict is None or digest is None or digest == delivery.digest:
            return Receipt(Answer(status, body), repeated=True)
        self._insert(delivery.conflict)
        return Receipt(delivery.conflict.answer, conflict=True)

    def _insert(self, delivery: Delivery) -> None:
        at = micros(delivery.received_at)
        run = self._connection.execute
        for batch in delivery.batches:
            run(
                "INSERT INTO inbox (kind, model, received_at, source, n, payload) VALUES (?, ?, ?, ?, ?, ?)",
                (batch.kind.value, batch.model, at, delivery.source, batch.count, batch.payload),
            )
        if delivery.refusals:
            self._quarantine(delivery.kind, ((delivery, refusal) for refusal in delivery.refusals), delivery.log_format)
        if delivery.halves:
            self._keep_halves(delivery)
        for each in delivery.declared:
            run("INSERT INTO declared (model, payload) VALUES (?, ?)", (each.model, msgspec.msgpack.encode(each)))
        if delivery.checkpoint is not None:
            run("INSERT OR REPLACE INTO checkpoints (source, state) VALUES (?, ?)", delivery.checkpoint)

    def _keep_halves(self, delivery: Delivery) -> None:
        """A half that came before is not kept again."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO halves (model, key, side, received_at, source, payload) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (h.model or "", h.key, h.side, micros(delivery.received_at), delivery.source, msgspec.msgpack.encode(h))
                for h in delivery.halves
            ],
        )

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
        found: list[InboxRow] = []
        records = 0
        with self._using, closing(self._connection.cursor()) as cursor:
            cursor.execute(
                "SELECT id, received_at, source, n, payload FROM inbox WHERE kind = ? AND model = ? ORDER BY id",
                (kind.value, model),
            )
            for id, at, source, n, payload in cursor:
                found.append(InboxRow(id, moment(at), source, n, payload))
                records += n
                if records >= most_records:
                    break
        return found

    def forget(self, model: str, kind: Kind, through: int, refused: Iterable[tuple[InboxRow, Refusal]] = ()) -> None:
        """Delete the rows of one model and kind up to this one: they are in the lake and counted.

        Those of their records that are refused after all go to quarantine in the same commit: each goes there once.
        """
        with self._using, transaction(self._connection):
            self._quarantine(kind, refused)
            self._connection.execute(
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
