"""Quarantine: what was refused, why, and what the sender sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from monitor.db import pauses
from monitor.db.database import Database
from monitor.db.pauses import PausedSource
from monitor.db.quarantine import ReasonCount, Selection, count_by_reason
from monitor.db.reads.quarantine import RefusalRow, count_refusals, find_refusal, newest_refusals
from monitor.errors import InvalidValue, NotFound

PREVIEW_BYTES = 500
"""How much of a payload a list shows."""
MOST_BYTES = 64 * 1024
"""How much of a payload one record shows."""
MOST_REASONS = 5000
"""How many different texts of reasons are looked at when they are counted."""

_NUMBER = re.compile(r"\d[\d.:T+Z-]*")


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """One refused record. `payload` is what the sender sent, as text, `is_cut` where it is not all of it.

    `log_format` names the format of the payload; empty is a record as Kedge itself writes it.

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
    log_format: str


@dataclass(frozen=True, slots=True)
class QuarantineReason:
    """How many records of a model and a source were refused for one reason, and when the first and the latest were.

    Reasons that differ in their numbers only are one; `reason` is the most frequent of them.
    """

    model: str | None
    kind: str
    reason: str
    source: str
    records: int
    first: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class QuarantineSummary:
    """How many records are in quarantine, and the reason most of them share (None when there are none)."""

    records: int
    top: QuarantineReason | None


def quarantine(
    db: Database,
    model: str | None = None,
    limit: int = 100,
    *,
    reason: str | None = None,
    source: str | None = None,
    since: datetime | None = None,
) -> list[QuarantineRecord]:
    """Refused records, the newest first, each with the beginning of its payload.

    `model` is what the records name, which need not be a model that Kedge knows: it may be why they were refused.
    `reason` is a part of the reason, in any case.
    """
    _check(limit)
    selection = Selection(model=model, reason=reason, source=source, since=since)
    with db.reading() as session:
        return [_record(row) for row in newest_refusals(session, selection, limit, PREVIEW_BYTES)]


def quarantine_record(db: Database, record_id: int) -> QuarantineRecord:
    """Raises NotFound for an unknown record."""
    with db.reading() as session:
        found = find_refusal(session, record_id, MOST_BYTES)
    if found is None:
        raise NotFound(f"quarantined record {record_id} does not exist")
    return _record(found)


def quarantine_reasons(
    db: Database,
    model: str | None = None,
    limit: int = 100,
    *,
    reason: str | None = None,
    source: str | None = None,
    since: datetime | None = None,
) -> list[QuarantineReason]:
    """The reasons for which records were refused, the most frequent first."""
    _check(limit)
    selection = Selection(model=model, reason=reason, source=source, since=since)
    with db.reading() as session:
        counts = count_by_reason(session, limit=MOST_REASONS, selection=selection)
    alike: dict[tuple[object, ...], list[ReasonCount]] = {}
    for count in counts:
        alike.setdefault((count.model, count.kind, count.source, _NUMBER.sub("0", count.reason)), []).append(count)
    merged = [_merge(group) for group in alike.values()]
    return sorted(merged, key=lambda row: -row.records)[:limit]


def paused_sources(db: Database, now: datetime) -> list[PausedSource]:
    """The sources that a collector has paused because all they sent was refused, the longest pause first."""
    with db.reading() as session:
        return pauses.read_pauses(session, now)


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
        log_format=row.log_format,
    )


def _merge(group: list[ReasonCount]) -> QuarantineReason:
    first = group[0]
    return QuarantineReason(
        model=_shown(first.model),
        kind=first.kind,
        reason=readable(first.reason),
        source=readable(first.source),
        records=sum(each.records for each in group),
        first=min(each.first for each in group),
        latest=max(each.latest for each in group),
    )


def _shown(model: str | None) -> str | None:
    return None if model is None else readable(model)


def _check(limit: int) -> None:
    if limit < 1:
        raise InvalidValue(f"limit {limit} is not usable; accepted: 1 or more")
