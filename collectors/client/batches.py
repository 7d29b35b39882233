"""What waits to be sent: encoded records, and the batches they leave in."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a batch holds; also the last part of the address it is posted to."""

    PREDICTIONS = "predictions"
    LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one kind that travel together. The key stays the same however often the batch is tried."""

    kind: Kind
    records: int
    body: bytes
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


class Buffer:
    """The bounded queue between the serving threads and the sender: when it is full, the oldest record goes.

    Records come in encoded, so that the bound is one of bytes as well and the caller may change its objects afterwards.
    `changed` guards everything here and wakes the sender when there is something to do.
    """

    def __init__(self, max_records: int, max_bytes: int, batch_records: int, batch_bytes: int) -> None:
        self.changed = threading.Condition()  # re-entrant: the sender decides under it, too
        self.bytes = 0
        self.oldest_at = 0.0
        self._queues: dict[Kind, deque[bytes]] = {kind: deque() for kind in Kind}
        self._turns = list(Kind)
        self._max_records, self._max_bytes = max_records, max_bytes
        self._batch_records, self._batch_bytes = batch_records, batch_bytes

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    @property
    def has_full_batch(self) -> bool:
        return len(self) >= self._batch_records or self.bytes >= self._batch_bytes

    @property
    def is_half_full(self) -> bool:
        return len(self) * 2 >= self._max_records or self.bytes * 2 >= self._max_bytes

    def put(self, kind: Kind, record: bytes, now: float) -> int:
        """Take a record in; returns how many older ones had to go."""
        with self.changed:
            was_empty, was_ripe = self.bytes == 0, self.has_full_batch
            if was_empty:
                self.oldest_at = now
            self._queues[kind].append(record)
            self.bytes += len(record)
            dropped = 0
            while len(self) > self._max_records or (self.bytes > self._max_bytes and len(self) > 1):
                self._drop_oldest()
                dropped += 1
            if was_empty or (not was_ripe and self.has_full_batch):
                self.changed.notify_all()
            return dropped

    def take(self, now: float) -> Batch | None:
        """The next batch, oldest records first, the two kinds by turns; None when nothing waits."""
        with self.changed:
            for kind in self._turns:
                if self._queues[kind]:
                    records = self._take_from(self._queues[kind])
                    self._turns = [*(k for k in self._turns if k is not kind), kind]
                    self.oldest_at = now
                    return Batch(kind, len(records), b"[" + b",".join(records) + b"]")
            return None

    def _take_from(self, queue: deque[bytes]) -> list[bytes]:
        records: list[bytes] = []
        size = 0
        while queue and len(records) < self._batch_records:
            if records and size + len(queue[0]) > self._batch_bytes:
                break
            records.append(queue.popleft())
            size += len(records[-1])
        self.bytes -= size
        return records

    def _drop_oldest(self) -> None:
        # Labels are kept longest: they are few, and each may belong to a prediction that was sent long ago.
        queue = self._queues[Kind.PREDICTIONS] or self._queues[Kind.LABELS]
        self.bytes -= len(queue.popleft())
