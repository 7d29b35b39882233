"""Quarantine: refused records, kept with their reason until they are replayed, dropped or old."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.db import audit
from monitor.db.models import QuarantineRow

LONGEST_SOURCE = 100
_MOST_AT_A_TIME = 5000


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """One refused record and where its collector first wrote it down (`inbox_id`).

    `log_format` names the format of the payload; empty is Kedge's own JSON.
    """

    inbox_id: int
    received_at: datetime
    source: str
    model: str | None
    kind: str
    reason: str
    payload: bytes
    log_format: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which refused records: those that satisfy everything that is given. `reason` is a part of it, in any case."""

    ids: tuple[int, ...] = ()
    model: str | None = None
    reason: str | None = None
    source: str | None = None
    since: datetime | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()

    def words(self) -> dict[str, Any] | str:
        """For the audit log, which never holds what a record contained: a part of a reason might."""
        given = {
            "ids": list(self.ids[:20]),
            "model": self.model,
            "reason": self.reason and "given",
            "source": self.source,
            "since": self.since and self.since.isoformat(),
        }
        return {name: value for name, value in given.items() if value} or "all"

    def conditions(self) -> list[ColumnElement[bool]]:
        r = QuarantineRow
        given: list[ColumnElement[bool]] = []
        if self.ids:
            given.append(r.id.in_(self.ids))
        if self.model is not None:
            given.append(r.model == self.model)
        if self.reason is not None:
            given.append(r.reason.icontains(self.reason, autoescape=True))
        if self.source is not None:
            given.append(r.source == self.source)
        if self.since is not None:
            given.append(r.received_at >= self.since)
        return given


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many records of a model and a source were refused for one reason, and when the first and the latest were."""

    model: str | None
    kind: str
    reason: str
    source: str
    records: int
    first: datetime
    latest: datetime


def add_refusals(session: Session, collector_id: str, refused: Sequence[RefusedRecord]) -> int:
    """Keep the records; those that are there already, by collector and inbox id, are left alone. Returns the new."""
    if not refused:
        return 0
    dialect = session.get_bind().dialect.name
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    rows = [
        {
            "collector_id": collector_id,
            "inbox_id": each.inbox_id,
            "received_at": each.received_at,
            "source": each.source[:LONGEST_SOURCE],
            "model": each.model,
            "kind": each.kind,
            "reason": each.reason,
            "payload": each.payload,
            "log_format": each.log_format[:100],
        }
        for each in refused
    ]
    statement = insert(QuarantineRow).on_conflict_do_nothing().returning(QuarantineRow.id)
    return len(session.scalars(statement, rows).all())


def list_refusals(
    session: Session, model: str | None = None, limit: int = 100, before_id: int | None = None
) -> Sequence[QuarantineRow]:
    """Refused records, newest first; `before_id` turns the page."""
    statement = select(QuarantineRow).order_by(QuarantineRow.id.desc()).limit(limit)
    if model is not None:
        statement = statement.where(QuarantineRow.model == model)
    if before_id is not None:
        statement = statement.where(QuarantineRow.id < before_id)
    return session.scalars(statement).all()


def next_refusals(
    session: Session, selection: Selection, after_id: int, through_id: int, limit: int
) -> Sequence[QuarantineRow]:
    """Selected records with their payloads, oldest first, from behind one id through another."""
    r = QuarantineRow
    statement = select(r).where(r.id > after_id, r.id <= through_id, *selection.conditions()).order_by(r.id)
    return session.scalars(statement.limit(limit)).all()


def count_selected(session: Session, selection: Selection) -> tuple[int, int]:
    """How many records are selected, and the largest id among them: what comes later is not meant."""
    found = select(func.count(), func.max(QuarantineRow.id)).where(*selection.conditions())
    records, last = session.execute(found).one()
    return records, last or 0


def count_by_reason(
    session: Session, since: datetime | None = None, limit: int = 50, selection: Selection = EVERYTHING
) -> list[ReasonCount]:
    """How often each reason occurred, most frequent first."""
    records = func.count().label("records")
    r = QuarantineRow
    columns = (r.model, r.kind, r.reason, r.source)
    statement = select(*columns, records, func.min(r.received_at), func.max(r.received_at)).group_by(*columns)
    statement = statement.where(*selection.conditions())
    if since is not None:
        statement = statement.where(r.received_at >= since)
    found = session.execute(statement.order_by(records.desc(), r.reason, r.model, r.source).limit(limit))
    return [ReasonCount(*row) for row in found]


def forget_ids(session: Session, ids: Sequence[int]) -> int:
    """Delete these records. Returns how many were there."""
    forgotten = 0
    for first in range(0, len(ids), _MOST_AT_A_TIME):
        some = ids[first : first + _MOST_AT_A_TIME]
        statement = delete(QuarantineRow).where(QuarantineRow.id.in_(some)).returning(QuarantineRow.id)
        forgotten += len(session.scalars(statement).all())
    return forgotten


def drop_refusals(session: Session, selection: Selection, now: datetime, actor: str) -> int:
    """Delete the selected records for good, and note it in the audit log. Returns how many."""
    statement = delete(QuarantineRow).where(*selection.conditions())
    dropped = len(session.scalars(statement.returning(QuarantineRow.id)).all())
    if dropped:
        note_action(session, now, actor, "quarantine.dropped", selection, records=dropped)
    return dropped


def note_action(session: Session, now: datetime, actor: str, action: str, selection: Selection, **counts: int) -> None:
    """An entry of the audit log about what was done with selected records."""
    audit.record_action(session, now, actor, action, "quarantine", selection=selection.words(), **counts)


def set_reason(session: Session, record_id: int, reason: str) -> None:
    """The record was looked at again and is refused for another reason."""
    session.execute(update(QuarantineRow).where(QuarantineRow.id == record_id).values(reason=reason))


def forget_refusals(session: Session, before: datetime) -> int:
    """Delete the refused records that were received before this moment. Returns how many."""
    forgotten = session.execute(
        delete(QuarantineRow).where(QuarantineRow.received_at < before).returning(QuarantineRow.id)
    )
    return len(forgotten.all())
