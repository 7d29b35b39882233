"""Quarantine: what was refused, why, and what the sender sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from monitor.db.database import Database
from monitor.db.reads.quarantine import RefusalRow, count_reasons, count_refusals, find_refusal, newest_refusals
from monitor.errors import InvalidValue, NotFound

PREVIEW_BYTES = 500
"""How much of a payload a list shows."""
MOST_BYTES = 64 * 1024
"""How much of a payload one record shows."""


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """One refused record. `payload` is what the sender sent, as text, `is_cut` where it is not all of it.

    Invalid UTF-8 and characters that can't be seen are escaped, so that showing the text does nothing to a terminal.
    """

    id: int
    received_at: datetime
    source: str
    model: str | None
    kind: str
    reason: str
    payload: str
    payload_bytes: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class QuarantineReason:
    """How many records of a model were refused for one reason, and when the latest was."""

    model: str | None
    kind: str
    reason: str
    records: int
    latest: datetime


@dataclass(frozen=True, slots=True)
class QuarantineSummary:
    """How many records are in quarantine, and the reason most of them share (None when there are none)."""

    records: int
    top: QuarantineReason | None


def quarantine(db: Database, model: str | None = None, limit: int = 100) -> list[QuarantineRecord]:
    """Refused records, the newest first, each with the beginning of its payload.

    `model` is what the records name, which need not be a model that Kedge knows: it may be why they were refused.
    """
    _check(limit)
    with db.reading() as session:
        return [_record(row) for row in newest_refusals(session, model, limit, PREVIEW_BYTES)]


def quarantine_record(db: Database, record_id: int) -> QuarantineRecord:
    """Raises NotFound for an unknown record."""
    with db.reading() as session:
        found = find_refusal(session, record_id, MOST_BYTES)
    if found is None:
        raise NotFound(f"quarantined record {record_id} does not exist")
    return _record(found)


def quarantine_reasons(db: Database, model: str | None = None, limit: int = 100) -> list[QuarantineReason]:
    """The reasons for which records were refused, the most frequent first."""
    _check(limit)
    with db.reading() as session:
        return [
            QuarantineReason(_shown(count.model), count.kind, readable(count.reason), count.records, count.latest)
            for count in count_reasons(session, model, limit)
        ]


def quarantine_summary(db: Database) -> QuarantineSummary:
    with db.reading() as session:
        records = count_refusals(session)
    return QuarantineSummary(records, next(iter(quarantine_reasons(db, limit=1)), None) if records else None)


def readable(text: str) -> str:
    r"""The text with everything that can't be seen escaped, but for line ends and tabs.

    >>> readable("caf\u00e9\x1b[2J\n")
    'café\\x1b[2J\n'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def _record(row: RefusalRow) -> QuarantineRecord:
    return QuarantineRecord(
        id=row.id,
        received_at=row.received_at,
        source=row.source,
        model=_shown(row.model),
        kind=row.kind,
        reason=readable(row.reason),
        payload=readable(row.payload.decode("utf-8", "backslashreplace")),
        payload_bytes=row.payload_bytes,
        is_cut=len(row.payload) < row.payload_bytes,
    )


def _shown(model: str | None) -> str | None:
    return None if model is None else readable(model)


def _check(limit: int) -> None:
    if limit < 1:
        raise InvalidValue(f"limit {limit} is not usable; accepted: 1 or more")
