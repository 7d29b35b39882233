"""The sources that collectors have paused, as they last said so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from monitor.db.models import SourcePause

STALE = timedelta(minutes=5)
"""A collector says anew what it has paused well within this time; what is older is of one that is gone."""


@dataclass(frozen=True, slots=True)
class PausedSource:
    """One paused source: since when, the latest reason, and how much was refused in a row and turned away since."""

    source: str
    since: datetime
    reason: str
    refused: int
    turned_away: int


def replace_pauses(session: Session, collector_id: str, pauses: Sequence[PausedSource], now: datetime) -> None:
    """What this collector has paused now, in place of what it said before."""
    session.execute(delete(SourcePause).where(SourcePause.collector_id == collector_id))
    for each in {pause.source[:500]: pause for pause in pauses}.values():
        session.add(
            SourcePause(
                collector_id=collector_id,
                source=each.source[:500],
                since=each.since,
                reason=each.reason,
                refused=each.refused,
                turned_away=each.turned_away,
                seen_at=now,
            )
        )


def read_pauses(session: Session, now: datetime) -> list[PausedSource]:
    """What is paused anywhere, the longest pause first."""
    statement = select(SourcePause).where(SourcePause.seen_at > now - STALE).order_by(SourcePause.since)
    return [
        PausedSource(row.source, row.since, row.reason, row.refused, row.turned_away)
        for row in session.scalars(statement)
    ]
