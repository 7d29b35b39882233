"""The background thread that takes records from the buffer to the collector, by way of the disk when it must."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from collectors.client.batches import Batch, Buffer, Kind
from collectors.client.collector import SENDER_THREAD, Collector, Settled, TryLater, backoff
from collectors.client.counters import Counters
from collectors.client.spool import Spool

log = logging.getLogger("kedge.client")

# While the collector is away, batches are written to disk this often rather than every `batch_seconds`.
SPOOL_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How records travel; PredictionLogger documents the fields."""

    collector_url: str
    api_key: str | None
    spool_dir: Path | None
    batch_records: int
    batch_seconds: float
    batch_bytes: int
    queue_records: int
    queue_bytes: int
    spool_bytes: int
    timeout_seconds: float
    first_retry_seconds: float
    longest_retry_seconds: float


class Sender:
    """One thread, one batch at a time, so the order of the records is kept.

    The healthy path never touches the disk. When an attempt fails, the batch and those behind it go to the spool and
    the spool is emptied first, in order, once the collector answers again. Without a spool the batch is held and the
    buffer behind it drops its oldest.
    """

    def __init__(self, delivery: Delivery, counters: Counters, on_start: Callable[[], None] = lambda: None) -> None:
        self._delivery, self._counters, self._on_start = delivery, counters, on_start
        self._buffer = Buffer(
            delivery.queue_records, delivery.queue_bytes, delivery.batch_records, delivery.batch_bytes
        )
        self._spool: Spool | None = None
        self._collector: Collector | None = None
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        # Guarded by the buffer's condition, as everything that decides what the thread does next:
        self._in_hand: Batch | None = None  # taken from the buffer and not settled yet
        self._attempt = 0
        self._retry_at = 0.0
        self._is_ready = False  # the thread has looked into the spool
        self._hurry = False  # flush: do not wait for a batch to fill
        self._deadline: float | None = None  # close: stop at this time
        self._abandoned = False  # close gave up on the thread and has put its work away

    @property
    def queued(self) -> int:
        in_hand = self._in_hand
        return len(self._buffer) + (in_hand.records if in_hand else 0)

    @property
    def spooled(self) -> int:
        return self._spool.records if self._spool else 0

    def put(self, kind: Kind, record: bytes) -> None:
        """Take one encoded record. Returns at once; starts the thread the first time."""
        with self._buffer.changed:
            closed = self._deadline is not None
            dropped = 1 if closed else self._buffer.put(kind, record, time.monotonic())
        if dropped:
            self._counters.drop("closed" if closed else "queue full", dropped)
        if self._thread is None:
            self._start()

    def flush(self, timeout: float) -> bool:
        """Send what waits without waiting for a batch to fill; whether all of it, spool included, is settled."""
        self._start()
        with self._buffer.changed:
            if self._deadline is not None:
                return self._is_idle
            self._hurry = True
            self._buffer.changed.notify_all()
            settled = self._buffer.changed.wait_for(lambda: self._is_ready and self._is_idle, timeout)
            self._hurry = False
            return settled

    def close(self, timeout: float) -> None:
        """Send what can be sent in this time; the rest goes to the spool, or is counted as dropped."""
        with self._buffer.changed:
            if self._deadline is not None:
                return
            self._deadline = time.monotonic() + timeout
            self._buffer.changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)
        self._put_away()

    def let_go_in_child(self) -> None:
        """After a fork, in the child, whose copy of this one does nothing any more: hold nothing of the parent's."""
        if self._spool is not None:
            self._spool.let_go_in_child()

    @property
    def _is_idle(self) -> bool:
        return not len(self._buffer) and self._in_hand is None and not self._spool

    @property
    def _is_backing_off(self) -> bool:
        return time.monotonic() < self._retry_at

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is not None or self._deadline is not None:
                return
            thread = threading.Thread(target=self._run, name=SENDER_THREAD, daemon=True)
            with contextlib.suppress(RuntimeError):  # no thread now, or no more at the end: the next record tries again
                thread.start()
                self._thread = thread
                self._on_start()

    def _run(self) -> None:
        self._spool = self._open_spool()
        self._is_ready = True
        while not self._is_over():
            try:
                self._wait()
                self._turn()
            except Exception:
                # Nothing here may end the thread: a full disk or a bug must not turn into an endpoint without a log.
                log.exception("prediction log: the sender failed and will go on")
                self._later(TryLater("the sender failed; see the log"))
                with self._buffer.changed:
                    pause = self._retry_at - time.monotonic()
                    self._buffer.changed.wait_for(lambda: self._deadline is not None, pause)
        if self._collector is not None:
            self._collector.close()

    def _open_spool(self) -> Spool | None:
        if self._delivery.spool_dir is None:
            return None
        try:
            return Spool(self._delivery.spool_dir, self._delivery.spool_bytes)
        except OSError as error:
            log.warning("prediction log: spool_dir %s can't be used: %s", self._delivery.spool_dir, error)
            return None

    def _is_over(self) -> bool:
        if self._deadline is None:
            return False
        # No use in waiting when the disk keeps the rest, or when the next attempt would come too late.
        hopeless = self._is_backing_off and (self._spool is not None or self._retry_at >= self._deadline)
        return self._abandoned or self._is_idle or hopeless or time.monotonic() >= self._deadline

    def _wait(self) -> None:
        """Sleep until there is something to do."""
        with self._buffer.changed:
            if self._is_idle:
                self._buffer.changed.notify_all()
            while (pause := self._pause()) > 0:
                self._buffer.changed.wait(None if pause == float("inf") else pause)

    def _pause(self) -> float:
        """Seconds until the next thing to do; infinite while nothing waits."""
        now = time.monotonic()
        due = [self._deadline] if self._deadline is not None else []
        if self._in_hand is not None or self._spool:
            due.append(self._retry_at)
        if len(self._buffer):
            ripe_at = self._ripe_at()
            if self._in_hand is None and not self._spool:
                due.append(max(ripe_at, self._retry_at))
            if self._must_spool:
                due.append(ripe_at)
        elif self._deadline is not None and self._is_idle:
            return 0
        return min(due) - now if due else float("inf")

    def _ripe_at(self) -> float:
        """When the buffer is to be emptied next."""
        if self._buffer.has_full_batch or self._hurry or self._deadline is not None:
            return 0.0
        patience = SPOOL_SECONDS if self._must_spool else self._delivery.batch_seconds
        return self._buffer.oldest_at + max(patience, self._delivery.batch_seconds)

    @property
    def _must_spool(self) -> bool:
        return self._spool is not None and (bool(self._spool) or self._is_backing_off or self._buffer.is_half_full)

    def _turn(self) -> None:
        """Put away what must go to disk, then try one batch if it is time."""
        while self._must_spool and len(self._buffer) and time.monotonic() >= self._ripe_at():
            self._to_spool(self._take())
        if self._is_backing_off:
            return
        if self._spool and (batch := self._spool.claim()) is not None:
            outcome = self._post(batch)
            self._spool.release(settled=isinstance(outcome, Settled))
        else:
            if self._in_hand is None and time.monotonic() >= self._ripe_at():
                self._take()
            if (batch := self._in_hand) is None:
                return
            outcome = self._post(batch)
            with self._buffer.changed:
                if self._abandoned:
                    return
                if isinstance(outcome, Settled):
                    self._in_hand = None
            if isinstance(outcome, TryLater) and self._spool is not None:
                self._to_spool(batch)
        if isinstance(outcome, Settled):
            self._settle(batch, outcome)
        else:
            self._later(outcome)

    def _take(self) -> Batch | None:
        with self._buffer.changed:
            self._in_hand = self._buffer.take(time.monotonic())
            return self._in_hand

    def _post(self, batch: Batch) -> Settled | TryLater:
        if self._collector is None:
            self._collector = Collector(self._delivery.collector_url, self._delivery.api_key)
        timeout = self._delivery.timeout_seconds
        if self._deadline is not None:
            timeout = max(0.05, min(timeout, self._deadline - time.monotonic()))
        return self._collector.post(batch, timeout)

    def _settle(self, batch: Batch, outcome: Settled) -> None:
        self._attempt, self._retry_at = 0, 0.0
        self._counters.recovered()
        self._counters.add("sent", batch.records)
        self._counters.add("acknowledged", outcome.accepted)
        for reason, records in outcome.refused.items():
            self._counters.drop(reason, records)

    def _later(self, outcome: TryLater) -> None:
        self._attempt += 1
        delivery = self._delivery
        wait = backoff(self._attempt, delivery.first_retry_seconds, delivery.longest_retry_seconds)
        self._retry_at = time.monotonic() + (wait if outcome.after is None else outcome.after)
        self._counters.failed(outcome.reason)

    def _to_spool(self, batch: Batch | None) -> None:
        assert self._spool is not None
        if batch is not None:
            try:
                self._counters.drop("spool full", self._spool.append(batch))
            except OSError as error:
                self._counters.drop(f"spool: {error.strerror or error}", batch.records)
        self._in_hand = None

    def _put_away(self) -> None:
        """After the end: nothing is left in memory. Runs on the thread that closes."""
        with self._buffer.changed:
            self._abandoned = True
            in_hand, self._in_hand = self._in_hand, None
        if self._spool is None and (in_hand or len(self._buffer)):
            self._spool = self._open_spool()
        while (batch := in_hand or self._buffer.take(0.0)) is not None:
            in_hand = None
            if self._spool is not None:
                self._to_spool(batch)
            else:
                self._counters.drop("not sent before the end", batch.records)
