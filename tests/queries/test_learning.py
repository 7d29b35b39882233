"""A model that is new, or too little used, is neither fine nor without data."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from monitor import queries
from monitor.db.database import Database
from monitor.db.models import Model
from monitor.queries import State
from tests.dashboards.seeded_rows import Writer

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTLE = timedelta(minutes=2)


def row_of(db: Database, now: datetime, needed: int | None = 5000) -> queries.ModelRow:
    (row,) = queries.overview(db, now, needed)
    return row


def seed(db: Database, now: datetime, *, baseline: bool, few: int = 0, enough: int = 0) -> None:
    """A model of 150 predictions: windows judged first, then windows with too few rows."""
    with db.session() as session:
        writer = Writer.of(session, "young", "binary", HOUR, now - timedelta(minutes=10), now, 150)
        if baseline:
            writer.baseline(150)
        monitor = writer.monitor("error_rate", "error_rate", "critical")
        for index in range(few + enough):
            start = now - (few + enough - index) * HOUR
            value = 0.0 if index < enough else None
            writer.point("predictions", start, 10.0, 10)
            writer.judge(monitor, start, value, 10, high=0.1)


def test_without_a_baseline_a_model_learns_even_when_its_windows_are_fine(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=False, enough=2)
    row = row_of(sqlite_db, now)
    assert (row.state, row.headline) == (State.LEARNING, "Learning: 150 of 5,000 predictions for its baseline")
    assert row_of(sqlite_db, now, 100).headline == "Learning: its baseline is being made"
    assert row_of(sqlite_db, now, None).headline == "Learning: 150 predictions for its baseline"


def test_rows_but_none_enough_is_told_apart_from_no_data(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=True, few=3)
    row = row_of(sqlite_db, now)
    assert (row.state, row.headline) == (State.INSUFFICIENT, "Too few predictions per window so far")


def test_one_quiet_window_is_not_said_to_be_all_there_was(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=True, few=1, enough=3)
    assert row_of(sqlite_db, now).headline == "Too few predictions in the latest window"


def test_a_learning_model_says_that_its_windows_are_too_small(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=False, few=3)
    row = row_of(sqlite_db, now)
    assert row.headline.endswith("for its baseline; too few predictions per window so far")


def test_a_model_that_was_judged_and_has_a_baseline_is_fine(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=True, enough=1)
    assert row_of(sqlite_db, now).state is State.OK


def test_with_a_baseline_and_no_window_it_waits(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=True)
    row = row_of(sqlite_db, now)
    assert (row.state, row.headline) == (State.LEARNING, "Waiting for the first window to close")


def test_a_day_of_windows_is_needed_to_say_how_many_a_day(sqlite_db: Database, now: datetime) -> None:
    with sqlite_db.session() as session:
        writer = Writer.of(session, "young", "binary", HOUR, now - 2 * DAY, now, 150)
        for hour in range(23):
            writer.point("predictions", now - DAY + hour * HOUR, 10.0, 10)
    assert row_of(sqlite_db, now).predictions_per_day is None
    with sqlite_db.session() as session:
        Writer(session, session.query(Model).one(), HOUR).point("predictions", now - HOUR, 10.0, 10)
    assert row_of(sqlite_db, now).predictions_per_day == pytest.approx(240)


def test_hours_without_predictions_count_as_none_in_the_rate(sqlite_db: Database, now: datetime) -> None:
    with sqlite_db.session() as session:
        writer = Writer.of(session, "young", "binary", HOUR, now - 2 * DAY, now, 150)
        writer.point("predictions", now - 2 * DAY, 10.0, 10)
        writer.point("predictions", now - HOUR, 10.0, 10)
    assert row_of(sqlite_db, now).predictions_per_day == pytest.approx(10)


def test_a_summary_says_when_the_first_window_closes_until_one_did(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=False)
    summary = queries.model_summary(sqlite_db, "young", now, 5000, SETTLE)
    assert (summary.baseline_rows, summary.first_window_closes) == (5000, now + SETTLE)
    with sqlite_db.session() as session:
        Writer(session, session.query(Model).one(), HOUR).point("predictions", now - HOUR, 10.0, 10)
    assert queries.model_summary(sqlite_db, "young", now, 5000, SETTLE).first_window_closes is None


def test_a_summary_of_a_model_with_a_baseline_waits_for_none(sqlite_db: Database, now: datetime) -> None:
    seed(sqlite_db, now, baseline=True, enough=1)
    assert queries.model_summary(sqlite_db, "young", now, 5000, SETTLE).baseline_rows is None
