"""Quarantine: refused records, kept with their reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.db.models import QuarantineRow


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """One refused record and where its collector first wrote it down (`inbox_id`)."""

    inbox_id: int
    received_at: datetime
    source: str
    model: str | None
    kind: str
    reason: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many records of a model were refused for one reason, and when the latest was."""

    model: str | None
    kind: str
    reason: str
    records: int
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
            "source": each.source,
            "model": each.model,
            "kind": each.kind,
            "reason": each.reason,
            "payload": each.payload,
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


def count_by_reason(session: Session, since: datetime | None = None, limit: int = 50) -> list[ReasonCount]:
    """How often each reason occurred, most frequent first."""
    records = func.count().label("records")
    columns = (QuarantineRow.model, QuarantineRow.kind, QuarantineRow.reason)
    statement = select(*columns, records, func.max(QuarantineRow.received_at)).group_by(*columns)
    if since is not None:
        statement = statement.where(QuarantineRow.received_at >= since)
    found = session.execute(statement.order_by(records.desc(), QuarantineRow.reason).limit(limit))
    return [ReasonCount(*row) for row in found]


def forget_refusals(session: Session, before: datetime) -> int:
    """Delete the refused records that were received before this moment. Returns how many."""
    forgotten = session.execute(
        delete(QuarantineRow).where(QuarantineRow.received_at < before).returning(QuarantineRow.id)
    )
    return len(forgotten.all())
