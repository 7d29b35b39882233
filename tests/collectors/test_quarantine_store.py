"""The quarantine in the control database, on both kinds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from monitor.db import pauses, quarantine
from monitor.db.database import Database
from monitor.db.pauses import PausedSource
from monitor.db.quarantine import ReasonCount, RefusedRecord, Selection


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
        first, latest = now + timedelta(seconds=2), now + timedelta(seconds=3)
        assert counts[0] == ReasonCount("m", "predictions", "b", "http", 2, first, latest)
        assert sum(count.records for count in counts) == 4
        late = quarantine.count_by_reason(session, since=now + timedelta(seconds=4))
        assert [(count.model, count.records) for count in late] == [(None, 1)]


def test_old_refusals_are_forgotten(db: Database, now: datetime) -> None:
    with db.session() as session:
        quarantine.add_refusals(session, "c", [refused(n, now) for n in range(4)])
        assert quarantine.forget_refusals(session, now + timedelta(seconds=2)) == 2
        assert [row.inbox_id for row in quarantine.list_refusals(session)] == [3, 2]


def test_the_format_is_kept_and_a_long_source_is_cut(db: Database, now: datetime) -> None:
    record = replace(refused(1, now), source="s" * 200, log_format="csv")
    with db.session() as session:
        quarantine.add_refusals(session, "c", [record, refused(2, now)])
    with db.reading() as session:
        ours, theirs = quarantine.list_refusals(session)
        assert (ours.log_format, theirs.log_format, theirs.source) == ("", "csv", "s" * 100)


def test_a_selection_is_what_satisfies_everything_that_is_given(db: Database, now: datetime) -> None:
    with db.session() as session:
        quarantine.add_refusals(
            session, "c", [refused(1, now, "a 100% b"), refused(2, now, "A 100x B"), refused(3, now, "a 100% b", None)]
        )
        ids = [row.id for row in reversed(quarantine.list_refusals(session))]
    cases = [
        (Selection(), 3), (Selection(model="m"), 2), (Selection(reason="100%"), 2), (Selection(reason="a 1"), 3),
        (Selection(model="m", reason="100%"), 1), (Selection(source="http"), 3), (Selection(source="file"), 0),
        (Selection(since=now + timedelta(seconds=2)), 2), (Selection(ids=tuple(ids[:2])), 2),
    ]  # fmt: skip
    for selection, expected in cases:
        with db.reading() as session:
            assert quarantine.count_selected(session, selection)[0] == expected, selection


def test_records_that_come_later_are_not_replayed(db: Database, now: datetime) -> None:
    with db.session() as session:
        quarantine.add_refusals(session, "c", [refused(1, now), refused(2, now)])
        _, last = quarantine.count_selected(session, Selection())
        quarantine.add_refusals(session, "c", [refused(3, now)])
        assert len(quarantine.next_refusals(session, Selection(), 0, last, 10)) == 2
        assert quarantine.drop_refusals(session, Selection(), now, "ann") == 3


def test_what_is_paused_is_what_each_collector_said_last(db: Database, now: datetime) -> None:
    early = PausedSource("http churn", now - timedelta(hours=1), "no id", 500, 3)
    late = PausedSource("x" * 600, now, "no model", 800, 0)
    with db.session() as session:
        pauses.replace_pauses(session, "one", [early], now)
        pauses.replace_pauses(session, "two", [late, late], now)
        assert [each.source for each in pauses.read_pauses(session, now)] == ["http churn", "x" * 500]
        pauses.replace_pauses(session, "two", [], now)
        assert pauses.read_pauses(session, now) == [early]
        assert pauses.read_pauses(session, now + timedelta(minutes=6)) == []
