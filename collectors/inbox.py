"""The inbox: where accepted records are durable before anybody is told so, and wait for the flusher.

One thread writes. It takes every delivery that is waiting and commits them together, so that requests which arrive
together share one fsync; the usual ones share a row as well. Other processes may write to the same file; only one
flusher may empty it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

import msgspec

from collectors.deliveries import Answer, Batch, Delivery, Encoding, Receipt
from collectors.inbox_file import micros, transaction
from collectors.inbox_reader import InboxReader
from collectors.segments import SMALLEST, SegmentWriter
from monitor.errors import Unavailable

log = logging.getLogger(__name__)

_MOST_TOGETHER = 256
_SIZE_SECONDS = 0.2
"""How long the measured size of the file is trusted while there is room; what came since then is added to it."""

_Outcome = Receipt | Exception
_Waiting = tuple[Delivery, "Future[Receipt] | asyncio.Future[Receipt]"]


class _Row(NamedTuple):
    kind: str
    model: str
    received_at: int
    source: str
    n: int
    payload: bytes
    encoding: int


_INSERT = (
    "INSERT INTO inbox (kind, model, received_at, source, n, payload, encoding, segment, offset, length)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Inbox(InboxReader):
    """One inbox file, open for writing and for emptying. `close` waits for what was handed in."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(path)
        self.max_bytes = max_bytes
        self._used, self._measured = 0, float("-inf")  # bytes; and when that was measured
        self._segment = SegmentWriter(self.segments)
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._accepting = threading.Lock()
        self._closed = False
        self._writer = threading.Thread(target=self._write, name="kedge-inbox", daemon=True)
        self._writer.start()

    def submit(self, delivery: Delivery) -> Future[Receipt]:
        """Hand a delivery in; the future is done once it is durable, or fails with Unavailable."""
        future: Future[Receipt] = Future()
        self._hand_in((delivery, future))
        return future

    def deliver(self, delivery: Delivery) -> asyncio.Future[Receipt]:
        """The same for the running event loop, which is woken once for all that became durable together."""
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._hand_in((delivery, future))
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
        self._segment.close()
        super().close()

    def _hand_in(self, item: _Waiting) -> None:
        with self._accepting:
            if self._closed:
                raise Unavailable("the collector is shutting down; try again")
            self._waiting.put(item)

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
        outcomes: list[_Outcome]
        try:
            with self._using:
                admitted, failures = self._admit([delivery for delivery, _ in group])
                receipts = iter(self._store_all(admitted))
            outcomes = [next(receipts) if failure is None else failure for failure in failures]
        except Exception as error:  # whatever it is: these senders are told, and the next ones are served
            log.warning("inbox %s took nothing: %s", self.path, error, exc_info=not isinstance(error, sqlite3.Error))
            failed = Unavailable(f"the inbox can't store records now ({error}); try again later")
            outcomes = [failed] * len(group)
        _tell([(future, outcome) for (_, future), outcome in zip(group, outcomes, strict=True)])

    def _admit(self, group: Sequence[Delivery]) -> tuple[list[Delivery], list[Unavailable | None]]:
        """The deliveries there is room for, one after the other; the others fail, and only they."""
        sizes = [delivery.size for delivery in group]
        if time.monotonic() - self._measured > _SIZE_SECONDS or self._used + sum(sizes) > self.max_bytes:
            self._used, self._measured = self._bytes_in_use(), time.monotonic()
        if self._used + sum(sizes) > self.max_bytes:
            self._segment.close()  # what is in it may have been handed over already
            self._sweep()
            self._used = self._bytes_in_use()
        if self._used + sum(sizes) <= self.max_bytes:
            self._used += sum(sizes)
            return list(group), [None] * len(group)
        admitted: list[Delivery] = []
        failures: list[Unavailable | None] = []
        for delivery, size in zip(group, sizes, strict=True):
            if self._used + size <= self.max_bytes:
                self._used += size
                admitted.append(delivery)
                failures.append(None)
                continue
            room = f"it holds {self._used} bytes, inbox_max_bytes is {self.max_bytes}"
            log.warning("inbox %s has no room for %d bytes: %s", self.path, size, room)
            failures.append(
                Unavailable(f"the inbox has no room for the {size} bytes of this ({room}); try again later")
            )
        return admitted, failures

    def _store_all(self, group: Sequence[Delivery]) -> list[Receipt]:
        """Store the deliveries in one commit."""
        if not group:
            return []
        if all(delivery.is_plain for delivery in group):
            rows = self._set_apart(_rows(group))
            # A single statement is a transaction by itself, and one hand-over of the interpreter instead of three.
            with nullcontext() if len(rows) == 1 else transaction(self._connection):
                for row in rows:
                    self._connection.execute(_INSERT, row)
            return [Receipt(delivery.answer) for delivery in group]
        with transaction(self._connection):
            return [self._store(delivery) for delivery in group]

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
            if delivery.batches or delivery.halves:
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
        run = self._connection.execute
        for row in self._set_apart([_row(delivery, batch) for batch in delivery.batches]):
            run(_INSERT, row)
        if delivery.refusals:
            self._quarantine(delivery.kind, ((delivery, refusal) for refusal in delivery.refusals), delivery.log_format)
        if delivery.halves:
            self._keep_halves(delivery)
        for each in delivery.declared:
            run("INSERT INTO declared (model, payload) VALUES (?, ?)", (each.model, msgspec.msgpack.encode(each)))
        if delivery.checkpoint is not None:
            run("INSERT OR REPLACE INTO checkpoints (source, state) VALUES (?, ?)", delivery.checkpoint)

    def _set_apart(self, rows: Sequence[_Row]) -> list[tuple[object, ...]]:
        """The rows as they are inserted: large payloads are durable in a segment, which the row names instead."""
        large = [row.payload for row in rows if len(row.payload) >= SMALLEST]
        places = iter(self._segment.append(large) if large else ())
        return [
            (*row, None, 0, 0)
            if len(row.payload) < SMALLEST
            else (*row._replace(payload=b""), *next(places), len(row.payload))
            for row in rows
        ]

    def _keep_halves(self, delivery: Delivery) -> None:
        """A half that came before is not kept again."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO halves (model, key, side, received_at, source, payload) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (h.model or "", h.key, h.side, micros(delivery.received_at), delivery.source, msgspec.msgpack.encode(h))
                for h in delivery.halves
            ],
        )


def _rows(group: Sequence[Delivery]) -> list[_Row]:
    """One row per batch, but for lines of one model that came together from one source: these share a row."""
    rows: list[_Row] = []
    alike: dict[tuple[str, str, str], list[Delivery]] = {}
    for delivery in group:
        batch = delivery.batches[0]
        if batch.encoding is Encoding.LINES:
            alike.setdefault((batch.kind, batch.model, delivery.source), []).append(delivery)
        else:
            rows.append(_row(delivery, batch))
    for (kind, model, source), deliveries in alike.items():
        lines = b"\n".join([_as_lines(delivery.batches[0]) for delivery in deliveries])
        count = sum([delivery.batches[0].count for delivery in deliveries])
        rows.append(_Row(kind, model, micros(deliveries[0].received_at), source, count, lines, Encoding.LINES))
    return rows


def _as_lines(batch: Batch) -> bytes:
    """A single record may be spread over several lines; between its tokens a newline is as good as a space."""
    return batch.payload.replace(b"\n", b" ") if batch.count == 1 and b"\n" in batch.payload else batch.payload


def _row(delivery: Delivery, batch: Batch) -> _Row:
    at = micros(delivery.received_at)
    return _Row(batch.kind, batch.model, at, delivery.source, batch.count, batch.payload, batch.encoding)


def _begin(future: Future[Receipt] | asyncio.Future[Receipt]) -> bool:
    """False when the caller gave up waiting before the delivery was begun: then it isn't stored either."""
    if isinstance(future, Future):
        return future.set_running_or_notify_cancel()
    return not future.cancelled()


_Told = tuple["Future[Receipt] | asyncio.Future[Receipt]", _Outcome]


def _tell(outcomes: Iterable[_Told]) -> None:
    """Finish the futures; those of one event loop in one call to it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Told]] = {}
    for future, outcome in outcomes:
        if isinstance(future, Future):
            _finish([(future, outcome)])
        else:
            by_loop.setdefault(future.get_loop(), []).append((future, outcome))
    for loop, told in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits there any more
            loop.call_soon_threadsafe(_finish, told)


def _finish(told: Iterable[_Told]) -> None:
    for future, outcome in told:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
