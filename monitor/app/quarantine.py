"""Replaying and dropping refused records.

A replay decodes the payload again, with the format, model and source it came with. What is accepted now is committed to
the inbox first, under an idempotency key and with prediction ids that follow from the quarantine row, and leaves
quarantine after that: killed in between, the next replay is told by the inbox that it has this, and only deletes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

import msgspec

from collectors.collector import Collector, Request, Taken, refuse_body
from collectors.deliveries import Receipt
from collectors.formats import Decoded, Log, LogFormat, find_format
from collectors.formats.kedge_json import KedgeJson
from collectors.inbox import Inbox
from collectors.quarantine import was_cut
from collectors.wire import Half, WireLabel, WirePrediction
from monitor.config import CollectorSettings
from monitor.db import audit, quarantine
from monitor.db.database import Database
from monitor.db.models import QuarantineRow
from monitor.db.quarantine import Selection
from monitor.errors import ConfigError, Unavailable
from monitor.lake import Kind

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
    row: QuarantineRow
    taken: Taken
    future: Future[Receipt] | None = None


def replay(
    db: Database,
    inbox: Inbox,
    settings: CollectorSettings,
    selection: Selection,
    now: datetime,
    actor: str,
    *,
    dry_run: bool = False,
    advance: Callable[[int, int], None] = lambda done, selected: None,
) -> Replayed:
    """Replay the selected rows, oldest first; `dry_run` only says what would become of them.

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
            _replay_rows(db, collector, ids, rows, now, done, dry_run)
            looked_at += len(rows)
            advance(looked_at, selected)
    finally:
        if not dry_run and selected:
            counts = {each.name: getattr(done, each.name) for each in fields(done)}
            _note(db, now, actor, "quarantine.replayed", selection, **counts)
    return done


def drop(db: Database, selection: Selection, now: datetime, actor: str) -> int:
    """Delete the selected rows for good. Returns how many."""
    with db.session() as session:
        selected, last = quarantine.count_selected(session, selection)
        dropped = quarantine.forget_selected(session, selection, last) if selected else 0
    if dropped:
        _note(db, now, actor, "quarantine.dropped", selection, records=dropped)
    return dropped


def _note(db: Database, now: datetime, actor: str, action: str, selection: Selection, **detail: Any) -> None:
    """An entry of the audit log, which never holds what a record contained: a part of a reason might."""
    by = {"model": selection.model, "source": selection.source, "ids": list(selection.ids[:20]) or None}
    by["since"] = None if selection.since is None else selection.since.isoformat()
    by["reason"] = None if selection.reason is None else "given"
    chosen = {name: value for name, value in by.items() if value is not None}
    with db.session() as session:
        audit.record_action(session, now, actor, action, "quarantine", selection=chosen or "all", **detail)


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
        progress.append(_Progress(row, _take(collector, row, now)))
    accepted = [each for each in progress if each.taken.accepted]
    again = [each for each in progress if not each.taken.accepted]
    done.again += len(again)
    if dry_run:
        _count(done, accepted)
        return
    for each in accepted:
        each.future = collector.inbox.submit(replace(each.taken.delivery, received_at=now))
    stored, failure = _stored(accepted)
    _count(done, stored)
    with db.session() as session:
        quarantine.forget_ids(session, [each.row.id for each in stored])
        for each in again:
            reasons = [refusal.reason for refusal in each.taken.delivery.refusals]
            if reasons and reasons[0] != each.row.reason:
                quarantine.set_reason(session, each.row.id, reasons[0])
    if failure is not None:
        raise failure


def _stored(accepted: Sequence[_Progress]) -> tuple[list[_Progress], Unavailable | None]:
    """Those that are durable now, or have been since an earlier try, and what stood against the others."""
    stored, failure = [], None
    for each in accepted:
        assert each.future is not None
        try:
            each.future.result()
            stored.append(each)
        except Unavailable as error:
            failure = error
    return stored, failure


def _count(done: Replayed, taken: Sequence[_Progress]) -> None:
    done.taken += len(taken)
    done.records += sum(each.taken.accepted for each in taken)


def _take(collector: Collector, row: QuarantineRow, now: datetime) -> Taken:
    """Take the payload as if it came when it first did; a time that lay in the future then may be past now."""
    request = Request(
        kind=Kind(row.kind),
        received_at=row.received_at,
        source=row.source,
        model=row.model,
        key=f"quarantine/{row.collector_id}/{row.inbox_id}",
    )
    chosen = _format(row)
    if isinstance(chosen, str):
        return refuse_body(request, 422, chosen)
    taken = collector.take(row.payload, request, chosen)
    if not taken.accepted:
        later = collector.take(row.payload, replace(request, received_at=now), chosen)
        taken = later if later.accepted else taken
    return taken


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
