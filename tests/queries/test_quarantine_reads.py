"""Quarantine is read newest first, by reason, and one at a time, and its text is safe to show."""

from __future__ import annotations

import doctest
import sys
from datetime import datetime, timedelta

import pytest

from monitor import queries
from monitor.db.database import Database
from monitor.db.pauses import replace_pauses
from monitor.db.quarantine import RefusedRecord, add_refusals
from monitor.errors import InvalidValue, NotFound


def refuse(db: Database, now: datetime, *records: tuple[str | None, str, bytes]) -> None:
    refuse_from(db, "http", now, *records)


def refuse_from(db: Database, source: str, now: datetime, *records: tuple[str | None, str, bytes]) -> None:
    rows = [
        RefusedRecord(at, now + timedelta(seconds=at), source, model, "predictions", reason, payload)
        for at, (model, reason, payload) in enumerate(records)
    ]
    with db.session() as session:
        add_refusals(session, f"collector of {source}", rows)


def test_records_come_newest_first_and_can_be_narrowed(db: Database, now: datetime) -> None:
    refuse(db, now, ("a", "one", b"1"), (None, "two", b"2"), ("a", "three", b"3"))
    assert [(row.model, row.reason, row.payload) for row in queries.quarantine(db)] == [
        ("a", "three", "3"), (None, "two", "2"), ("a", "one", "1")]  # fmt: skip
    assert [row.reason for row in queries.quarantine(db, "a", limit=1)] == ["three"]
    assert queries.quarantine(db, "unknown") == []


def test_reasons_are_counted_most_frequent_first(db: Database, now: datetime) -> None:
    refuse(db, now, ("a", "x", b""), ("b", "y", b""), ("b", "y", b""))
    counts = queries.quarantine_reasons(db)
    assert [(c.model, c.reason, c.records) for c in counts] == [("b", "y", 2), ("a", "x", 1)]
    assert counts[0].latest == now + timedelta(seconds=2)
    assert [c.reason for c in queries.quarantine_reasons(db, "a")] == ["x"]
    summary = queries.quarantine_summary(db)
    assert (summary.records, summary.top) == (3, counts[0])


def test_reasons_that_differ_in_numbers_only_are_one_and_say_when_and_from_where(db: Database, now: datetime) -> None:
    late = "event_time 2026-03-04T13:0{}:00+00:00 lies in the future"
    refuse(db, now, ("a", late.format(1), b""), ("a", late.format(2), b""), ("a", "unknown key 'x'", b""))
    refuse_from(db, "file:log", now, ("a", late.format(1), b""))
    rows = queries.quarantine_reasons(db)
    assert [(row.source, row.records) for row in rows] == [("http", 2), ("file:log", 1), ("http", 1)]
    assert (rows[0].first, rows[0].latest) == (now, now + timedelta(seconds=1))
    assert [row.records for row in queries.quarantine_reasons(db, reason="FUTURE", source="http")] == [2]
    assert queries.quarantine_reasons(db, since=now + timedelta(days=1)) == []
    assert len(queries.quarantine(db, reason="future")) == 3


def test_paused_sources_are_told(db: Database, now: datetime) -> None:
    assert queries.paused_sources(db, now) == []
    pause = queries.PausedSource("http churn", now, "no id", 500, 3)
    with db.session() as session:
        replace_pauses(session, "c", [pause], now)
    assert queries.paused_sources(db, now) == [pause]


def test_an_empty_quarantine_is_empty(db: Database) -> None:
    assert queries.quarantine(db) == queries.quarantine_reasons(db) == []
    assert queries.quarantine_summary(db) == queries.QuarantineSummary(0, None)


def test_a_list_shows_the_beginning_and_one_record_shows_more(db: Database, now: datetime) -> None:
    refuse(db, now, ("a", "too long", b"x" * 70_000))
    (listed,) = queries.quarantine(db)
    assert (len(listed.payload), listed.payload_bytes, listed.is_cut) == (500, 70_000, True)
    record = queries.quarantine_record(db, listed.id)
    assert (len(record.payload), record.payload_bytes, record.is_cut) == (65_536, 70_000, True)


def test_what_can_not_be_seen_is_escaped(db: Database, now: datetime) -> None:
    refuse(db, now, ("m\x1b", "bad \x1b[31m", b"\x00\xff\x1b[2J {\n} \xc3\xa9"))
    (row,) = queries.quarantine(db)
    assert row.payload == "\\x00\\xff\\x1b[2J {\n} é"
    assert (row.model, row.reason, row.is_cut) == ("m\\x1b", "bad \\x1b[31m", False)


def test_an_unknown_record_and_an_unusable_limit_are_refused(sqlite_db: Database) -> None:
    with pytest.raises(NotFound, match="quarantined record 7 does not exist"):
        queries.quarantine_record(sqlite_db, 7)
    for read in (queries.quarantine, queries.quarantine_reasons):
        with pytest.raises(InvalidValue, match="limit 0 is not usable"):
            read(sqlite_db, limit=0)


def test_examples_in_docstrings_are_true() -> None:

    result = doctest.testmod(sys.modules["monitor.queries.quarantine"])
    assert (result.failed, result.attempted) == (0, 1)
