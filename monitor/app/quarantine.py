"""Replaying refused records.

A replay decodes the payload again, with the format, model and source it came with. What is accepted now is committed to
the inbox first, under an idempotency key and with prediction ids that follow from the quarantine row, and leaves
quarantine after that: killed in between, the next replay is told by the inbox that it has this, and only deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

import msgspec

from collectors.collector import Collector, Request, Taken
from collectors.deliveries import Receipt
from collectors.formats import Decoded, Log, LogFormat, find_format
from collectors.formats.kedge_json import KedgeJson
from collectors.inbox import Inbox
from collectors.quarantine import bounded, was_cut
from collectors.wire import Half, WireLabel, WirePrediction
from monitor.config import CollectorSettings
from monitor.db import quarantine
from monitor.db.database import Database
from monitor.db.models import QuarantineRow
from monitor.db.quarantine import Selection
from monitor.errors import ConfigError, Unavailable
from monitor.lake import Kind
from monitor.records import Refusal

TOGETHER = 200
"""How many rows are read, stored and deleted at a time."""

_FIELDS = {Kind.PREDICTIONS: WirePrediction.__struct_fields__, Kind.LABELS: WireLabel.__struct_fields__}


@dataclass(slots=True)
class Replayed:
    """What became of the selected rows of quarantine; `records` is how many predictions and labels they gave.

    `again` were refused again and stay, with the reason of now. `not_whole` stay too: only the beginning of what was
    sent is kept, or nothing.
    """

    selected: int = 0
    taken: int = 0
    records: int = 0
    again: int = 0
    not_whole: int = 0


@dataclass(slots=True)
class _RowIds:
    """Prediction ids for records that have none, the same ones whenever the row is replayed."""

    row: str = ""

    def __call__(self, count: int) -> list[str]:
        return [sha256(f"{self.row}/{place}".encode()).hexdigest()[:32] for place in range(count)]


@dataclass(slots=True)
class _Progress:
    """A row and what it gives now: what would be taken, or the new reason against it (None: there is no news)."""

    row: QuarantineRow
    taken: Taken | None
    reason: str | None = None
    future: Future[Receipt] | None = None


_Accepted = tuple[_Progress, Taken]


def replay(
    db: Database,
    inbox: Inbox,
    settings: CollectorSettings,
    selection: Selection,
    now: datetime,
    actor: str,
    *,
    as_model: str | None = None,
    dry_run: bool = False,
    most: int | None = None,
    advance: Callable[[int, int], None] = lambda done, selected: None,
) -> Replayed:
    """Replay the selected rows, oldest first; `dry_run` only says what would become of them.

    `as_model` is the model of records that name none. After `most` rows, or a few more, it stops; those that stay are
    the first of the next time, so drop or mend them.

    What is refused on the way comes under a later id and is not looked at again. Raises Unavailable when the inbox
    can't store more; what was stored until then is done.
    """
    ids = _RowIds()
    collector = Collector(inbox, settings, new_ids=ids)
    with db.reading() as session:
        selected, last = quarantine.count_selected(session, selection)
    done = Replayed(selected)
    try:
        looked_at = 0
        for rows in _selected(db, selection, last):
            _replay_rows(db, collector, ids, rows, as_model, now, done, dry_run)
            looked_at += len(rows)
            advance(looked_at, selected)
            if most is not None and looked_at >= most:
                break
    finally:
        if not dry_run and selected:
            counts = {each.name: getattr(done, each.name) for each in fields(done)}
            with db.session() as session:
                quarantine.note_action(session, now, actor, "quarantine.replayed", selection, **counts)
    return done


def _selected(db: Database, selection: Selection, last: int) -> Iterator[Sequence[QuarantineRow]]:
    after = 0
    while True:
        with db.reading() as session:
            rows = quarantine.next_refusals(session, selection, after, last, TOGETHER)
        if not rows:
            return
        yield rows
        after = rows[-1].id


def _replay_rows(
    db: Database,
    collector: Collector,
    ids: _RowIds,
    rows: Sequence[QuarantineRow],
    as_model: str | None,
    now: datetime,
    done: Replayed,
    dry_run: bool,
) -> None:
    progress: list[_Progress] = []
    for row in rows:
        if not row.payload or was_cut(row.reason, row.payload):
            done.not_whole += 1
            continue
        ids.row = f"{row.collector_id}/{row.inbox_id}"
        progress.append(_look(collector, row, as_model, now))
    accepted = [(each, each.taken) for each in progress if each.taken]
    again = [each for each in progress if not each.taken]
    done.again += len(again)
    if dry_run:
        _count(done, accepted)
        return
    for each, taken in accepted:
        # What is known under the row's key is stored already, also if the model was another then: no conflict.
        delivery = msgspec.structs.replace(taken.delivery, received_at=now, conflict=None)
        each.future = collector.inbox.submit(delivery)
    stored, failure = _stored(accepted)
    _count(done, stored)
    with db.session() as session:
        quarantine.forget_ids(session, [each.row.id for each, _ in stored])
        for each in again:
            if each.reason is not None and each.reason != each.row.reason:
                quarantine.set_reason(session, each.row.id, each.reason)
    if failure is not None:
        raise failure


def _stored(accepted: Sequence[_Accepted]) -> tuple[list[_Accepted], Unavailable | None]:
    """Those that are durable now, or have been since an earlier try, and what stood against the others."""
    stored, failure = [], None
    for each, taken in accepted:
        assert each.future is not None
        try:
            each.future.result()
            stored.append((each, taken))
        except Unavailable as error:
            failure = error
    return stored, failure


def _count(done: Replayed, accepted: Sequence[_Accepted]) -> None:
    done.taken += len(accepted)
    done.records += sum(taken.accepted for _, taken in accepted)


def _look(collector: Collector, row: QuarantineRow, as_model: str | None, now: datetime) -> _Progress:
    """Take the payload as if it came when it first did; a time that lay in the future then may be past now."""
    chosen = _format(row)
    if isinstance(chosen, str):
        return _Progress(row, None, chosen)
    request = Request(
        kind=Kind(row.kind),
        received_at=row.received_at,
        source=row.source,
        model=row.model or as_model,
        key=f"quarantine/{row.collector_id}/{row.inbox_id}",
    )
    for at in (row.received_at, now):
        taken = collector.take(row.payload, msgspec.structs.replace(request, received_at=at), chosen)
        if taken.accepted:
            return _Progress(row, taken)
    refusals = taken.delivery.refusals
    return _Progress(row, None, bounded(Refusal(index=0, reason=refusals[0].reason)).reason if refusals else None)


def _format(row: QuarantineRow) -> LogFormat | str:
    """What reads the payload, or why nothing does.

    A record that was readable but not acceptable is kept as Kedge itself writes it, whatever format it came in.
    """
    sent = _object(row.payload)
    if sent and "side" in sent and sent.keys() <= set(Half.__struct_fields__):
        return cast(LogFormat, _OneHalf())
    if row.log_format in ("", KedgeJson.name) or (sent and sent.keys() <= set(_FIELDS[Kind(row.kind)])):
        return cast(LogFormat, KedgeJson())  # one of its own: nothing is stored unread, as bodies of usual shape are
    try:
        return find_format(row.log_format)
    except ConfigError as error:
        return str(error)


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        sent = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return sent if isinstance(sent, dict) else None


class _OneHalf:
    """One side of a call, as Kedge wrote it down when it was refused."""

    name = "half"
    title = "one side of a call"
    media_types = ()

    def sniff(self, log: Log) -> bool:
        return False

    def example(self) -> Log:
        return Log(b"")

    def decode(self, log: Log) -> Iterator[Decoded]:
        try:
            half = msgspec.json.decode(log.body, type=Half)
        except (msgspec.MsgspecError, RecursionError):
            yield from KedgeJson().decode(log)
            return
        yield Decoded(halves=[half], half_places=[0])
