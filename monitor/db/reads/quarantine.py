"""Refused records: the newest, one of them, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from monitor.db.models import QuarantineRow
from monitor.db.quarantine import Selection


class RefusalRow(NamedTuple):
    """One refused record; `payload` holds at most as many bytes as were asked for, of `payload_bytes`."""

    id: int
    received_at: datetime
    source: str
    model: str | None
    kind: str
    reason: str
    payload: bytes
    payload_bytes: int
    log_format: str


def newest_refusals(session: Session, selection: Selection, limit: int, most_bytes: int) -> list[RefusalRow]:
    statement = _refusals(most_bytes).where(*selection.conditions())
    return [_row(row) for row in session.execute(statement.order_by(QuarantineRow.id.desc()).limit(limit))]


def find_refusal(session: Session, refusal_id: int, most_bytes: int) -> RefusalRow | None:
    row = session.execute(_refusals(most_bytes).where(QuarantineRow.id == refusal_id)).first()
    return _row(row) if row else None


def count_refusals(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(QuarantineRow)) or 0


def _refusals(most_bytes: int) -> Select[int, datetime, str, str | None, str, str, bytes, int, str]:
    # A record may be a megabyte: the database cuts it, so that a list never reads them whole.
    r = QuarantineRow
    cut = func.substr(r.payload, 1, most_bytes, type_=r.payload.type)
    size = func.length(r.payload)
    return select(r.id, r.received_at, r.source, r.model, r.kind, r.reason, cut, size, r.log_format)


def _row(row: Sequence[object]) -> RefusalRow:
    found = RefusalRow(*row)  # type: ignore[arg-type]
    return found._replace(payload=bytes(found.payload or b""))  # a part of an empty value is NULL in SQLite
