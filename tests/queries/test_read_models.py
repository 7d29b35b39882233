"""The read models on a seeded database, on an empty one, and for names that do not exist."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from monitor import queries
from monitor.db.database import Database
from monitor.errors import InvalidValue, NotFound
from monitor.queries import State
from tests.dashboards.seeded_rows import Writer

FIRST = datetime(2026, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def test_everything_about_the_seeded_story_reads_the_same_on_both_databases(seeded: Database, now: datetime) -> None:
    rows = queries.overview(seeded, now)
    assert [(row.name, row.state) for row in rows] == [
        ("churn", State.CRITICAL),
        ("flight-delay", State.WARNING),
        ("recommender", State.NO_DATA),
        ("fraud-score", State.OK),
        ("house-price", State.OK),
    ]
    flights = rows[1]
    assert flights.headline == "2 of 15 features drifted: temp, dewp, since 13 Feb 00:00 UTC"
    assert (flights.drifted, flights.features, flights.version, flights.window) == (2, 15, "3", DAY)
    assert flights.main is not None
    assert (flights.main.metric, flights.main.low) == ("auc", 0.66)
    assert len(flights.sparkline) == 30
    assert flights.predictions_per_day == pytest.approx(880, rel=0.05)
    assert flights.label_coverage == pytest.approx((5 * 0.95 + 2 * 0.62) / 7)

    summary = queries.model_summary(seeded, "flight-delay", now)
    assert summary.row == flights
    assert [(d.version, d.kind) for d in summary.deployments] == [
        ("1", "deployed"), ("2", "deployed"), ("1", "rolled back"), ("3", "deployed")]  # fmt: skip
    assert summary.baseline is not None
    assert summary.baseline.name == "first two weeks"
    assert len(summary.features) == 15

    table = queries.drift_table(seeded, "flight-delay")
    assert table.window == FIRST + 59 * DAY
    assert [row.feature for row in table.rows[:2]] == ["temp", "dewp"]
    temp = table.rows[0]
    assert (temp.status, temp.windows_in_breach, temp.kind) == ("breach", 18, "numeric")
    assert sum(temp.histogram.reference) == pytest.approx(1)
    assert sum(temp.histogram.current) == pytest.approx(1)
    assert table.drifted == 2

    found = queries.incidents(seeded)
    assert [(row.model, row.state) for row in found] == [
        ("churn", "open"), ("flight-delay", "acknowledged"), ("flight-delay", "resolved")]  # fmt: skip
    latest = {row.name: row.latest for row in queries.monitors(seeded, "flight-delay")}
    assert latest["auc"] is not None
    assert latest["auc"].verdict == "ok"


def test_series_carry_the_expected_bounds_and_breaches_of_their_windows(seeded: Database) -> None:
    points = queries.series(seeded, "flight-delay", ["auc"], FIRST + 30 * DAY, FIRST + 37 * DAY)
    assert [point.breach for point in points] == [False, False, True, True, True, False, False]
    assert {point.low for point in points} == {0.66}
    assert {point.size for point in points} == {DAY}


def test_a_window_with_too_few_labels_has_a_reason_and_no_value(seeded_sqlite: Database) -> None:
    (point,) = queries.series(seeded_sqlite, "flight-delay", ["auc"], FIRST + 20 * DAY, FIRST + 21 * DAY)
    assert (point.value, point.status, point.breach) == (None, "insufficient", False)
    assert point.reason == "12 labelled rows, at least 50 needed"


def test_too_many_points_are_merged_and_none_of_the_breaches_is_lost(seeded: Database) -> None:
    points = queries.series(seeded, "flight-delay", ["auc", "latency_p95"], limit=12)
    merged = [point for point in points if point.metric == "auc"]
    assert len(merged) == 12
    assert {(point.merged, point.size) for point in merged} == {(5, 5 * DAY)}
    assert sum(point.breach is True for point in merged) == 1
    assert sum(point.n for point in merged) == sum(p.n for p in queries.series(seeded, "flight-delay", ["auc"]))
    assert all(point.status == "ok" for point in merged)


def test_series_of_a_feature_carry_the_limit_it_was_given(seeded_sqlite: Database) -> None:
    points = queries.series(seeded_sqlite, "flight-delay", ["drift"], column="temp")
    assert len(points) == 60
    assert all(point.high is not None for point in points)
    assert [point.breach for point in points[-18:]] == [True] * 18
    assert points[-1].reason.startswith("moved up: median 38")


def test_a_limit_below_one_is_refused(seeded_sqlite: Database) -> None:
    with pytest.raises(InvalidValue, match="limit 0"):
        queries.series(seeded_sqlite, "flight-delay", ["auc"], limit=0)


def test_an_earlier_window_is_shown_as_it_was(seeded_sqlite: Database) -> None:
    table = queries.drift_table(seeded_sqlite, "flight-delay", FIRST + 43 * DAY)
    assert [(row.feature, row.windows_in_breach) for row in table.rows if row.status == "breach"] == [("temp", 2)]
    assert len(table.rows[0].scores) == 30


def test_a_feature_in_detail_has_both_distributions_and_its_history(seeded_sqlite: Database) -> None:
    detail = queries.feature_detail(seeded_sqlite, "flight-delay", "temp")
    assert detail.reference_median == pytest.approx(38, abs=1)
    assert detail.current_median == pytest.approx(56.9, abs=1.5)
    assert len(detail.histogram.edges) == len(detail.histogram.labels) + 1 == 25
    assert len(detail.series) == 60
    assert detail.reference_missing == detail.current_missing == 0


def test_windows_say_how_many_features_they_flagged(seeded_sqlite: Database) -> None:
    windows = queries.drift_windows(seeded_sqlite, "flight-delay")
    assert len(windows) == 60
    assert (windows[0].drifted, windows[-1].drifted, windows[-1].features) == (0, 2, 15)


def test_an_incident_tells_who_was_told_and_what_the_guard_said(seeded: Database) -> None:
    detail = queries.incident_detail(seeded, 1)
    assert detail.row.lasted == 4 * DAY
    assert [event.kind for event in detail.events] == ["opened", "acknowledged", "resolved"]
    assert [(n.event, n.channel, n.state) for n in detail.notifications] == [
        ("opened", "on-call-slack", "sent"), ("opened", "pager", "suppressed"), ("resolved", "on-call-slack", "sent")
    ]  # fmt: skip
    assert [run.state for run in detail.runs] == ["blocked", "done"]
    assert detail.runs[0].reason.startswith("cooldown")
    assert detail.runs[1].verified_at is not None


def test_incidents_are_narrowed_by_model_and_state(seeded_sqlite: Database) -> None:
    assert [row.id for row in queries.incidents(seeded_sqlite, "flight-delay", ["resolved"])] == [1]
    assert queries.incidents(seeded_sqlite, "fraud-score") == []
    with pytest.raises(InvalidValue, match="'closed' is not known; accepted: open, acknowledged, resolved"):
        queries.incidents(seeded_sqlite, states=["closed"])


def test_evaluations_come_newest_first_and_can_be_narrowed(seeded_sqlite: Database) -> None:
    rows = queries.evaluations(seeded_sqlite, "flight-delay", monitor="auc", start=FIRST + 32 * DAY, limit=40)
    assert rows[0].window > rows[-1].window == FIRST + 32 * DAY
    assert {row.monitor for row in rows} == {"auc"}
    assert rows[-1].verdict == "breach"


def test_a_model_that_fell_silent_has_no_data_rather_than_being_fine(seeded_sqlite: Database, now: datetime) -> None:
    later = now + timedelta(hours=5)
    row = next(row for row in queries.overview(seeded_sqlite, later) if row.name == "fraud-score")
    assert row.state is State.NO_DATA
    assert row.headline == "No predictions for 5 h 3 min; the last arrived 4 Mar 11:57 UTC"


def test_a_model_of_which_only_the_silence_was_judged_is_not_called_fine(sqlite_db: Database, now: datetime) -> None:
    with sqlite_db.session() as session:
        writer = Writer.of(session, "young", "binary", DAY, now - 2 * DAY, now, 500)
        writer.judge(writer.monitor("silence", "silence", "critical"), now - DAY, 3.0, 0, high=3600.0)
    (row,) = queries.overview(sqlite_db, now, 5000)
    assert (row.state, row.headline) == (State.LEARNING, "Learning: 500 of 5,000 predictions for its baseline")


def test_an_empty_database_gives_empty_lists(db: Database, now: datetime) -> None:
    assert queries.overview(db, now) == []
    assert queries.incidents(db) == []


def test_a_model_without_any_window_has_empty_series_and_tables(seeded: Database, now: datetime) -> None:
    assert queries.series(seeded, "recommender", ["auc"]) == []
    assert queries.drift_table(seeded, "recommender").rows == ()
    assert queries.drift_windows(seeded, "recommender") == []
    assert queries.evaluations(seeded, "recommender") == []
    assert queries.monitors(seeded, "recommender") == []
    summary = queries.model_summary(seeded, "recommender", now)
    assert (summary.versions, summary.baselines, summary.row.headline) == ((), (), "No predictions yet")


UNKNOWN: dict[str, Callable[[Database, datetime], object]] = {
    "summary": lambda db, now: queries.model_summary(db, "nope", now),
    "series": lambda db, now: queries.series(db, "nope", ["auc"]),
    "drift table": lambda db, now: queries.drift_table(db, "nope"),
    "drift windows": lambda db, now: queries.drift_windows(db, "nope"),
    "feature of an unknown model": lambda db, now: queries.feature_detail(db, "nope", "temp"),
    "feature": lambda db, now: queries.feature_detail(db, "flight-delay", "nope"),
    "window": lambda db, now: queries.drift_table(db, "flight-delay", now),
    "feature without windows": lambda db, now: queries.feature_detail(db, "fraud-score", "nope"),
    "incidents": lambda db, now: queries.incidents(db, "nope"),
    "incident": lambda db, now: queries.incident_detail(db, 999),
    "evaluations": lambda db, now: queries.evaluations(db, "nope"),
    "monitors": lambda db, now: queries.monitors(db, "nope"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_an_unknown_name_is_not_found(what: str, seeded_sqlite: Database, now: datetime) -> None:
    with pytest.raises(NotFound):
        UNKNOWN[what](seeded_sqlite, now)


def test_opening_a_database_brings_its_tables_up_to_date(tmp_path, now: datetime) -> None:  # type: ignore[no-untyped-def]
    database = queries.open_database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert queries.overview(database, now) == []
    database.close()
