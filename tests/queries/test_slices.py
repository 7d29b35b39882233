"""Segments, features, groups and objectives of the newest window, and what monitors said of each window."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from monitor import queries
from monitor.db.database import Database
from monitor.db.models import Evaluation, Incident, Model, Monitor
from monitor.errors import NotFound
from monitor.queries.series import main_size
from monitor.queries.slices import column_slices, segment_slices
from monitor.queries.states import Progress, headline
from monitor.queries.verdicts import verdict_series
from monitor.windows import span_of
from tests.dashboards.conftest import NOW
from tests.dashboards.seeded_slices import HOUR, SLOT, seed_slices
from tests.dashboards.seeding import seed_file


@pytest.fixture(scope="module")
def sliced(tmp_path_factory: pytest.TempPathFactory) -> Database:
    path = tmp_path_factory.mktemp("sliced") / "control.sqlite"
    database = seed_file(path, NOW)
    seed_slices(Path(path), NOW)
    return database


def test_a_segment_has_its_points_and_the_metrics_in_breach(sliced: Database) -> None:
    table = segment_slices(sliced, "churn", ("auc", "error_rate"))
    assert table.size == HOUR
    eu, us = table.rows
    assert (eu.name, eu.breaches, eu.judged) == ("region=eu", ("auc",), True)
    assert (us.name, us.breaches, us.judged) == ("region=us", (), True)
    assert (eu.points["auc"].value, us.points["auc"].value) == (0.61, 0.78)


def test_only_windows_before_the_end_are_looked_at(sliced: Database) -> None:
    newest = segment_slices(sliced, "churn", ("auc",)).window
    assert newest is not None
    assert segment_slices(sliced, "churn", ("auc",), end=newest).window == newest - HOUR


def test_a_model_without_segments_has_none(sliced: Database) -> None:
    assert segment_slices(sliced, "flight-delay", ("auc",)).window is None
    assert column_slices(sliced, "house-price", ("missing_rate",)).rows == ()


def test_objectives_are_found_at_the_size_of_their_own_windows(sliced: Database) -> None:
    table = column_slices(sliced, "churn", ("slo_burn", "slo_budget"), segment="slo")
    assert table.size == SLOT
    assert [(row.name, row.points["slo_budget"].value) for row in table.rows] == [("available", 0.83)]


def test_an_unknown_model_is_said_to_be(sliced: Database) -> None:
    for ask in (segment_slices, column_slices):
        with pytest.raises(NotFound):
            ask(sliced, "nope", ("auc",))
    with pytest.raises(NotFound):
        verdict_series(sliced, "nope", "auc")


def test_a_metric_without_points_has_a_series_of_its_verdicts(sliced: Database) -> None:
    found = verdict_series(sliced, "churn", "data_quality")
    assert [point.value for point in found[-2:]] == [0.0, 2.0]
    assert [point.breach for point in found[-2:]] == [False, True]
    assert found[-1].high == 0.0


def test_an_undecided_window_has_no_value(sliced: Database) -> None:
    with sliced.session() as session:
        monitor = session.query(Monitor).filter_by(name="slo:available").one()
        session.query(Evaluation).filter_by(monitor_id=monitor.id).update({"verdict": "insufficient"})
        monitor_name = monitor.name
    (point,) = verdict_series(sliced, "churn", monitor_name)
    assert (point.value, point.status, point.breach) == (None, "insufficient", None)


def test_windows_of_a_count_of_rows_are_as_long_as_their_evidence_says() -> None:
    counted = timedelta(seconds=-5000)
    assert span_of({"window": {"seconds": 7200}}, counted) == timedelta(hours=2)
    assert span_of({}, counted) == timedelta(hours=1)
    assert span_of({"window": {"seconds": "long"}}, timedelta(days=1)) == timedelta(days=1)


def test_a_model_watched_mostly_by_counts_of_rows_is_shown_at_a_span_of_time() -> None:
    assert main_size([-5000, 86400]) == 86400
    assert main_size([-5000]) == 3600


def test_what_is_wrong_with_a_segment_is_said_of_that_segment(sliced: Database) -> None:
    with sliced.session() as session:
        session.query(Incident).filter_by(state="open").one().segment = "region=eu"
    (row,) = [row for row in queries.incidents(sliced, "churn") if row.state == "open"]
    assert row.summary.startswith("region=eu: AUC 0.68")


def test_trouble_of_the_whole_model_is_the_headline_before_that_of_a_segment() -> None:
    def incident(segment: str, hours: int) -> Incident:
        row = Incident(segment=segment, severity="critical", since=NOW - hours * HOUR, title=f"{segment} is wrong")
        row.evidence = {}
        return row

    longer, whole = incident("region=eu", 9), incident("all", 1)
    assert _headline(longer, whole).startswith("all is wrong, since")
    assert _headline(longer).startswith("region=eu: region=eu is wrong, since")


def _headline(*found: Incident) -> str:
    return headline(Model(name="churn"), found, None, Progress(True, True, True, True), 3600, NOW)
