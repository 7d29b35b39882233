"""The quarantine in the control database, on both kinds."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.db import quarantine
from monitor.db.database import Database
from monitor.db.quarantine import ReasonCount, RefusedRecord


def refused(number: int, now: datetime, reason: str = "too long", model: str | None = "m") -> RefusedRecord:
    return RefusedRecord(number, now + timedelta(seconds=number), "http", model, "predictions", reason, b"{}")


def test_a_refusal_is_kept_once_per_collector_and_row(db: Database, now: datetime) -> None:
    with db.session() as session:
        assert quarantine.add_refusals(session, "c1", [refused(1, now), refused(2, now)]) == 2
        assert quarantine.add_refusals(session, "c1", [refused(2, now), refused(3, now)]) == 1
        assert quarantine.add_refusals(session, "c2", [refused(1, now)]) == 1
        assert quarantine.add_refusals(session, "c1", []) == 0
    with db.reading() as session:
        assert len(quarantine.list_refusals(session)) == 4


def test_refusals_are_listed_newest_first_by_model_and_page(db: Database, now: datetime) -> None:
    with db.session() as session:
        quarantine.add_refusals(session, "c", [refused(n, now, model="m" if n % 2 else None) for n in range(6)])
    with db.reading() as session:
        rows = quarantine.list_refusals(session, limit=4)
        assert [row.inbox_id for row in rows] == [5, 4, 3, 2]
        assert [row.inbox_id for row in quarantine.list_refusals(session, before_id=rows[-1].id)] == [1, 0]
        assert [row.inbox_id for row in quarantine.list_refusals(session, "m")] == [5, 3, 1]
        assert quarantine.list_refusals(session, "unknown") == []


def test_reasons_are_counted_most_frequent_first(db: Database, now: datetime) -> None:
    with db.session() as session:
        quarantine.add_refusals(
            session, "c", [refused(1, now, "a"), refused(2, now, "b"), refused(3, now, "b"), refused(4, now, "a", None)]
        )
    with db.reading() as session:
        counts = quarantine.count_by_reason(session)
        assert counts[0] == ReasonCount("m", "predictions", "b", 2, now + timedelta(seconds=3))
        assert sum(count.records for count in counts) == 4
        late = quarantine.count_by_reason(session, since=now + timedelta(seconds=4))
        assert [(count.model, count.records) for count in late] == [(None, 1)]


def test_old_refusals_are_forgotten(db: Database, now: datetime) -> None:
    with db.session() as session:
        quarantine.add_refusals(session, "c", [refused(n, now) for n in range(4)])
        assert quarantine.forget_refusals(session, now + timedelta(seconds=2)) == 2
        assert [row.inbox_id for row in quarantine.list_refusals(session)] == [3, 2]
