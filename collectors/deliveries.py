"""What passes through the inbox: a delivery on its way in, the receipt for it, and the rows that wait in between.

These are made for every request; a msgspec struct is made several times as fast as a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

import msgspec

from collectors.quarantine import MAX_PAYLOAD
from collectors.wire import DeclaredFeatures, Half
from monitor.lake import Kind
from monitor.records import Refusal


class Answer(msgspec.Struct, frozen=True):
    """What a request was told: an HTTP status and a JSON body."""

    status: int
    body: bytes


class Encoding(IntEnum):
    """How the records of a batch are written: ours, or the body as it was sent."""

    MSGPACK = 0
    JSON = 1  # an array
    LINES = 2  # newline-delimited JSON


class Batch(msgspec.Struct, frozen=True):
    """Accepted records of one model and kind."""

    kind: Kind
    model: str
    count: int
    payload: bytes
    encoding: Encoding = Encoding.MSGPACK


class Delivery(msgspec.Struct, frozen=True):
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
    def is_plain(self) -> bool:
        """Whether it is one batch of records and nothing else, so that nothing must be looked up to store it."""
        return (
            len(self.batches) == 1
            and self.key is None
            and self.checkpoint is None
            and not (self.refusals or self.halves or self.declared)
        )

    @property
    def size(self) -> int:
        """Bytes it will take, about."""
        if len(self.batches) == 1 and not (self.refusals or self.halves):
            return len(self.batches[0].payload)
        refused = sum(min(len(refusal.payload), MAX_PAYLOAD) for refusal in self.refusals)
        halves = sum(len(msgspec.msgpack.encode(half)) for half in self.halves)
        return refused + halves + sum(len(batch.payload) for batch in self.batches)


class Receipt(msgspec.Struct, frozen=True):
    """That a delivery is durable.

    `repeated`: its key was known, so the first answer stands and nothing was stored. `conflict`: its key was known from
    something else, so it went to quarantine.
    """

    answer: Answer
    repeated: bool = False
    conflict: bool = False


class InboxRow(msgspec.Struct, frozen=True):
    """One batch as it waits in the inbox. `place` is where a large payload is: segment, offset and length."""

    id: int
    received_at: datetime
    source: str
    count: int
    payload: bytes
    encoding: Encoding = Encoding.MSGPACK
    place: tuple[str, int, int] | None = None


class RefusedRow(msgspec.Struct, frozen=True):
    """One refused record as it waits to be moved to the control database."""

    id: int
    received_at: datetime
    source: str
    model: str | None
    kind: str
    reason: str
    payload: bytes
    log_format: str = ""
