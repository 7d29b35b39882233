"""Running one source: what it reads becomes records in the inbox, and how far it has read becomes durable with them.

Records and checkpoint are one transaction, so a source that is killed at any moment goes on exactly where it was.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import msgspec

from collectors.collector import Collector, Request, Taken
from collectors.deliveries import Answer, Delivery, Receipt
from collectors.formats import Decoded, Log, LogFormat, find_format
from collectors.formats.reading import said
from collectors.pausing import Pause, Pauses, words
from collectors.sources.registry import Piece, Source, SourceContext, make_source, recognise
from monitor.errors import Unavailable
from monitor.lake import Kind

log = logging.getLogger(__name__)

TOGETHER_BYTES = 2**20
TOGETHER_PIECES = 500
"""Small pieces share one commit, up to so many bytes of records and so many pieces."""

OUTCOMES = ("accepted", "refused")
_LONGEST_PAUSE = 60.0
_with = msgspec.structs.replace


class SourceState(msgspec.Struct, kw_only=True):
    """What is durable of a source: its checkpoint in the inbox.

    `part` stretches of the piece with the digest `part_of` are taken already, although `position` is before it.
    `memory` is the format's. The others tell people.
    """

    position: Any = None
    part: int = 0
    part_of: str = ""
    memory: dict[str, Any] = {}
    accepted: int = 0
    refused: int = 0
    read_at: datetime | None = None
    moment: datetime | None = None


def decode_state(checkpoint: bytes | None) -> SourceState:
    """The state that a checkpoint holds; an empty one where there is none."""
    return msgspec.json.decode(checkpoint, type=SourceState) if checkpoint else SourceState()


@dataclass(slots=True)
class _Gathered:
    """What was taken and is not durable yet; `state` is that after all of it."""

    taken: list[Taken] = field(default_factory=list)
    state: SourceState = field(default_factory=SourceState)
    bytes: int = 0


class SourceRunner:
    """One source and its checkpoint. `run` is the thread; `read_available` is one look at it."""

    def __init__(
        self, context: SourceContext, collector: Collector, make: Callable[[SourceContext], Source] = make_source
    ) -> None:
        self.name = context.name
        self._context = context
        self._collector = collector
        self._make = make
        self._source: Source | None = None
        self._state = SourceState()
        self._gathered = _Gathered()
        self._pauses = Pauses(collector.settings)

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set. What fails is said in one line and tried again, each time after a longer pause."""
        failures = 0
        while not stop.is_set():
            try:
                pause = 0.0 if self.read_available(stop) else self._poll_seconds()
                failures = 0
            except Exception as error:
                failures += 1
                pause = min(2.0**failures, _LONGEST_PAUSE)
                log.warning("source %r: %s; trying again in %.0f s", self.name, said(error), pause)
                log.debug("source %r failed", self.name, exc_info=True)
                if self._collector.metrics is not None:
                    self._collector.metrics.source_failures.labels(self.name).inc()
                self.close()
            stop.wait(pause)
        self.close()

    def read_available(self, stop: threading.Event | None = None) -> bool:
        """Take in what there is to read now; False when there was nothing. Raises what source and inbox raise."""
        stop = stop or threading.Event()
        if not self._pauses.allows(self.name, self._context.clock()):
            return False
        source = self._open()
        found = False
        for taken in (taken for piece in source.read(self._state.position) for taken in self._take(piece)):
            found = True
            self._gather(taken, stop)
            if stop.is_set() or self._pauses.of(self.name):
                self._deliver(stop)
                self.close()  # what it has read beyond this is read again
                return not self._pauses.of(self.name)
        self._deliver(stop)
        return found

    @property
    def pause(self) -> Pause | None:
        """That this source is paused, if it is: everything it gave was refused."""
        return self._pauses.of(self.name)

    def close(self) -> None:
        """Let go of the source. What was read and isn't durable is read again by the next look."""
        source, self._source = self._source, None
        if source is not None:
            with suppress(Exception):
                source.close()

    def _open(self) -> Source:
        if self._source is None:
            self._state = decode_state(self._collector.inbox.checkpoint(self.name))
            self._gathered = _Gathered()
            self._source = self._make(self._context)
        return self._source

    def _take(self, piece: Piece) -> Iterator[Taken]:
        """The piece's stretches, each with the state in which reading would go on after it."""
        before, now = self._state, self._context.clock()
        memory, digest = deepcopy(before.memory), ""
        request = self._request(piece, now, memory)
        if before.part:
            digest = _digest(piece.body)
        skip = before.part if digest == before.part_of else 0
        waiting, log_format = None, ""
        if piece.body:
            for index, (decoded, log_format) in enumerate(self._decode(piece, request)):
                if waiting is not None:
                    digest = digest or _digest(piece.body)
                    self._state = _with(self._state, part=index, part_of=digest)
                    yield waiting
                    waiting = None
                if index >= skip:
                    waiting = self._collector.take(piece.body, request, cast(LogFormat, _Stretch(log_format, decoded)))
                    self._count(waiting, now)
        last = waiting or _nothing(request, log_format)
        through = _with(self._state, position=piece.position, memory=memory, read_at=now)
        self._state = _with(through, part=0, part_of="") if digest == through.part_of else through
        self._state.moment = piece.moment or piece.at or before.moment
        yield last

    def _decode(self, piece: Piece, request: Request) -> Iterator[tuple[Decoded, str]]:
        """The stretches of a piece. A format that fails, which none should, refuses the piece: it blocks nothing."""
        log_format = self._format(piece, request)
        try:
            for decoded in log_format.decode(self._collector.log_of(piece.body, request, piece.at)):
                yield decoded, log_format.name
        except Exception as error:
            log.exception("source %r: format %r failed on %s", self.name, log_format.name, piece.path or "a piece")
            reason = f"format {log_format.name!r} failed: {said(error)}"
            refused = self._collector.refuse(request, 400, reason, piece.body, log_format.name).delivery.refusals
            yield Decoded(refusals=list(refused)), log_format.name

    def _format(self, piece: Piece, request: Request) -> LogFormat:
        name = piece.log_format or self._context.settings.format
        if name != "auto":
            return find_format(name)
        return recognise(self._collector.log_of(piece.body, request, piece.at))

    def _request(self, piece: Piece, now: datetime, memory: dict[str, Any]) -> Request:
        settings = self._context.settings
        return Request(
            kind=Kind.LABELS if settings.labels else Kind.PREDICTIONS,
            received_at=now,
            source=self.name,
            model=settings.model or None,
            version=settings.version or None,
            headers=piece.headers,
            path=piece.path,
            memory=memory,
        )

    def _count(self, taken: Taken, now: datetime) -> None:
        state = self._state
        accepted, refused = state.accepted + taken.accepted, state.refused + taken.refused
        self._state = _with(state, accepted=accepted, refused=refused, read_at=now)

    def _gather(self, taken: Taken, stop: threading.Event) -> None:
        waiting = self._gathered.taken
        if waiting and waiting[-1].delivery.log_format != taken.delivery.log_format:
            self._deliver(stop)
        self._gathered.taken.append(taken)
        self._gathered.state = self._state
        self._gathered.bytes += taken.delivery.size
        if self._gathered.bytes >= TOGETHER_BYTES or len(self._gathered.taken) >= TOGETHER_PIECES:
            self._deliver(stop)

    def _deliver(self, stop: threading.Event) -> None:
        """Make what was gathered durable together with its state, and tell the source."""
        gathered, self._gathered = self._gathered, _Gathered()
        if not gathered.taken:
            return
        checkpoint = (self.name, msgspec.json.encode(gathered.state))
        delivery = _merged([taken.delivery for taken in gathered.taken], checkpoint)
        receipt = self._append(delivery, stop)
        accepted, refused = (sum(getattr(taken, outcome) for taken in gathered.taken) for outcome in OUTCOMES)
        self._collector.record(Taken(accepted, refused, delivery), receipt)
        if self._collector.metrics is not None:
            for outcome, count in zip(OUTCOMES, (accepted, refused), strict=True):
                self._collector.metrics.source_records.labels(self.name, outcome).inc(count)
        if self._source is not None:
            self._source.done(gathered.state.position)
        reason = delivery.refusals[-1].reason if delivery.refusals else ""
        change = self._pauses.note(self.name, accepted, refused, reason, self._context.clock())
        if change is not None:
            log.warning("%s", words(change))

    def _poll_seconds(self) -> float:
        return self._context.settings.poll_seconds or (self._source.poll_seconds if self._source else 1.0)

    def _append(self, delivery: Delivery, stop: threading.Event) -> Receipt:
        """Store a delivery. An inbox that is full, or a disk, is waited for; nothing is read meanwhile."""
        failures = 0
        while True:
            try:
                return self._collector.inbox.append(delivery)
            except Unavailable as error:
                if stop.is_set():
                    raise
                failures += 1
                pause = min(2.0**failures, _LONGEST_PAUSE)
                log.warning("source %r waits %.0f s: %s", self.name, pause, said(error))
                stop.wait(pause)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch that is decoded already, as the collector takes it: a format that knows no other body."""

    name: str
    decoded: Decoded

    def decode(self, _log: Log) -> Iterator[Decoded]:
        return iter([self.decoded])


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _merged(deliveries: list[Delivery], checkpoint: tuple[str, bytes]) -> Delivery:
    """Deliveries of one source and format as one."""
    return _with(
        deliveries[0],
        batches=[batch for each in deliveries for batch in each.batches],
        refusals=[refusal for each in deliveries for refusal in each.refusals],
        halves=[half for each in deliveries for half in each.halves],
        declared=[declared for each in deliveries for declared in each.declared],
        checkpoint=checkpoint,
    )


def _nothing(request: Request, log_format: str) -> Taken:
    """A piece without a record: it leaves its checkpoint behind."""
    return Taken(
        0, 0, Delivery(request.received_at, request.source, request.kind, Answer(202, b""), log_format=log_format)
    )
