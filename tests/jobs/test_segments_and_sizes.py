"""Segments, versions and windows of several sizes: stored per segment, merged where they can be, the same when late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from monitor.db import catalog, stored_profiles
from monitor.db.database import Database
from monitor.db.models import Evaluation, MetricPoint, Monitor, ProfileRow
from monitor.engines import ProfileRequest
from monitor.errors import InvalidValue
from monitor.evaluation import MonitorRule
from monitor.jobs import monitor_changes
from monitor.profiles import WindowProfile, decode_profile
from monitor.records import PredictionRecord
from tests.jobs.conftest import MakeSite
from tests.jobs.site import HOUR, START, Site, open_site, results
from tests.jobs.traffic import hour, hours, labels, settled

REGIONS = ("eu", "us", "asia")
SEGMENTS = {"*": ["tag:region", "feature:age"]}
WATCHED: dict[str, Any] = {"segments": SEGMENTS, "min_rows": 20, "baseline_rows": 240}
# Hour 0 is at 20:00, so that four hours are one aligned window.
FOUR, LAST = timedelta(hours=4), settled(8)


def regional(records: list[PredictionRecord], places: tuple[str, ...] = REGIONS) -> list[PredictionRecord]:
    for index, record in enumerate(records):
        record.tags = {"region": places[index % len(places)]}
    return records


def watch(site: Site, metric: str, window: timedelta, **fields: Any) -> None:
    rule = MonitorRule(f"{metric} {window} {fields.get('segment', '')}", metric, window, min_rows=20, **fields)
    monitor_changes.add_monitor(site.stores, site.model, rule, "test", LAST)


CONSTANT = {"kind": "constant", "high": 0.5}


def traffic() -> list[PredictionRecord]:
    rows = regional(hours(0, 8, rows=60))
    for record in rows:
        if record.event_time >= START + 6 * HOUR:
            record.version = "2" if record.prediction_id.endswith("1") else "1"
    return rows


def opened(site: Site, first: list[PredictionRecord]) -> Site:
    """A site with hourly and long monitors that has seen these rows."""
    site.send(first, settled(4))
    site.onboard(settled(4))
    watch(site, "error_rate", FOUR, threshold=CONSTANT)
    watch(site, "drift", FOUR, threshold={"kind": "calibrated"}, segment="*")
    watch(site, "accuracy", FOUR, threshold={"kind": "constant", "low": 0.1}, segment="region=*")
    return site


def on_time(site: Site) -> Site:
    rows = traffic()
    opened(site, rows[:300])
    site.send(rows[300:], LAST)
    site.label(labels(rows), LAST)
    site.work(LAST)
    return site


@pytest.fixture(scope="module")
def punctual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site where everything came on time; tests only read it."""
    folder = tmp_path_factory.mktemp("punctual")
    database = Database(f"sqlite:///{folder / 'control.sqlite'}")
    database.upgrade()
    yield on_time(open_site(database, folder, **WATCHED))
    database.close()


def segments_of(rows: list[Any]) -> set[str]:
    return {row.segment for row in rows}


def test_each_segment_has_a_profile_points_and_evaluations(punctual: Site) -> None:
    site = punctual
    long = [row for row in site.read(ProfileRow) if row.size_seconds == FOUR.total_seconds()]
    stored = segments_of(long)
    assert {"all", "region=eu", "region=us", "region=asia", "version=1", "version=2"} <= stored
    assert len([key for key in stored if key.startswith("age=(")]) == 4
    assert stored == segments_of([p for p in site.read(MetricPoint) if p.size_seconds == FOUR.total_seconds()])
    ids = {monitor.name: monitor.id for monitor in site.read(Monitor)}
    judged = {e.segment for e in site.read(Evaluation) if e.monitor_id == ids["accuracy 4:00:00 region=*"]}
    assert judged == {"region=eu", "region=us", "region=asia"}


def test_stored_profiles_hold_no_bins_that_their_baseline_holds(punctual: Site) -> None:
    bins = punctual.bins()
    rows = [row for row in punctual.read(ProfileRow) if row.baseline_id]
    assert rows
    for row in rows:
        with pytest.raises(InvalidValue, match="pass the baseline"):
            decode_profile(row.payload)
        assert decode_profile(row.payload, bins[row.baseline_id]).columns.keys() == bins[row.baseline_id].columns.keys()


def test_the_segments_of_a_dimension_add_up_to_the_whole(punctual: Site) -> None:
    site = punctual
    by_window: dict[Any, dict[str, WindowProfile]] = {}
    bins = site.bins()
    for row in site.read(ProfileRow):
        by_window.setdefault((row.size_seconds, row.start), {})[row.segment] = decode_profile(
            row.payload, bins.get(row.baseline_id)
        )
    for profiles in by_window.values():
        for name in ("region", "age"):
            parts = [profile for key, profile in profiles.items() if key.startswith(f"{name}=")]
            assert sum(part.service.rows for part in parts) == profiles["all"].service.rows
            assert sum(part.labelled.labelled for part in parts) == profiles["all"].labelled.labelled


@pytest.mark.parametrize("what", ["rows", "labels"])
def test_what_comes_late_gives_what_it_would_have_given_on_time_in_every_size_and_segment(
    make_site: MakeSite, punctual: Site, what: str
) -> None:
    rows = traffic()
    late_rows = [r for r in rows[300:] if r.prediction_id.endswith("7")] if what == "rows" else []
    truth = labels(rows)
    late_labels = [] if what == "rows" else [t for t in truth[300:] if t.prediction_id.endswith("3")]
    site = opened(make_site(**WATCHED), rows[:300])
    site.send([row for row in rows[300:] if row not in late_rows], LAST)
    site.label([each for each in truth if each not in late_labels], LAST)
    site.work(LAST)
    if late_rows:
        site.send(late_rows, LAST + HOUR)
    if late_labels:
        site.label(late_labels, LAST + HOUR)
    assert site.work(LAST + HOUR) > 3
    assert results(site) == results(punctual)


def test_four_hours_are_merged_from_their_hours_without_reading_a_row(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = opened(make_site(**WATCHED), traffic()[:300])
    read: list[timedelta] = []
    profiles = type(site.stores.engine).profiles

    def counting(engine: Any, request: ProfileRequest, slicings: Any = ()) -> dict[str, WindowProfile]:
        read.append(request.end - request.start)
        return profiles(engine, request, slicings)

    monkeypatch.setattr(type(site.stores.engine), "profiles", counting)
    site.send(traffic()[300:], LAST)
    site.work(LAST)
    assert HOUR in read
    assert FOUR not in read


def test_a_reopened_hour_is_no_part_of_a_longer_window(make_site: MakeSite) -> None:
    site = on_time(make_site(min_rows=20, baseline_rows=240))
    with site.stores.db.reading() as session:
        model = catalog.find_model(session, site.model)
        span = next(
            w
            for w in site.stores.engine.windows(site.stores.predictions(site.model), FOUR)
            if w.start == START + 4 * HOUR
        )
        baseline_id = next(row.baseline_id for row in site.read(ProfileRow))
        parts = stored_profiles.parts_of(session, model.id, span, baseline_id)
        assert parts is not None
        assert len(parts) == 4
        assert stored_profiles.parts_of(session, model.id, span, 999) is None
    site.send(hour(5, rows=1), LAST + HOUR)
    with site.stores.db.reading() as session:
        assert stored_profiles.parts_of(session, model.id, span, baseline_id) is None


def test_more_values_than_there_is_room_for_are_one_segment_called_other(make_site: MakeSite) -> None:
    site = make_site(segments={"churn": ["tag:region"]}, most_segments=2, baseline_rows=240)
    rows = regional(hours(0, 4), ("eu", "eu", "eu", "us", "us", "asia", "africa"))
    site.send(rows, settled(9))
    site.work(settled(9))
    assert segments_of(site.read(ProfileRow)) == {"all", "region=eu", "region=us", "region=other"}


def test_a_segment_that_a_window_no_longer_has_is_forgotten(make_site: MakeSite) -> None:
    site = make_site(segments={"*": ["tag:region"]}, most_segments=1, baseline_rows=5000)
    site.send(regional(hour(0, rows=60), ("eu", "us", "eu")), settled(0))
    site.work(settled(0))
    assert segments_of(site.read(ProfileRow)) == {"all", "region=eu", "region=other"}
    late = regional(hour(0, rows=60), ("us",))
    for index, record in enumerate(late):
        record.prediction_id = f"late{index}"
    site.send(late, settled(1))
    site.work(settled(1))
    for table in (ProfileRow, MetricPoint, Evaluation):
        assert segments_of(site.read(table)) <= {"all", "region=us", "region=other"}


def test_versions_are_told_apart_where_a_window_has_several_whatever_the_settings(make_site: MakeSite) -> None:
    site = make_site(baseline_rows=5000)
    rows = hour(0) + hour(1)
    for record in rows[150:]:
        record.version = "2"
    site.send(rows, settled(1))
    site.work(settled(1))
    stored = {(row.start, row.segment) for row in site.read(ProfileRow)}
    assert stored == {
        (START, "all"),
        (START + HOUR, "all"),
        (START + HOUR, "version=1"),
        (START + HOUR, "version=2"),
    }


def broken_in_one_region(site: Site) -> list[tuple[str, str]]:
    """The drift incidents, as (segment, title), after ages went wrong in one of two regions."""
    broken = regional(hours(6, 9), ("eu", "us"))
    for record in broken:
        if record.tags["region"] == "us":
            record.features["age"] = 400.0
    broken += regional(hours(9, 10, rows=10), ("asia",))
    site.send(broken, settled(9))
    site.work(settled(9))
    return [(incident.segment, incident.title) for incident in site.incidents() if incident.metric == "drift"]


@pytest.fixture
def two_regions(make_site: MakeSite) -> Site:
    site = make_site(segments={"*": ["tag:region"]}, min_rows=30)
    site.send(regional(hours(0, 6), ("eu", "us")), settled(5))
    site.work(settled(5))
    return site


def test_what_is_broken_as_a_whole_is_one_incident_and_each_segment_has_a_verdict(two_regions: Site) -> None:
    assert broken_in_one_region(two_regions) == [("all", "churn: age drifted")]
    verdicts = {
        e.segment: e.verdict
        for e in two_regions.evaluations("feature_drift_by_segment")
        if e.window_start == START + 8 * HOUR
    }
    assert verdicts == {"region=eu": "ok", "region=us": "breach"}
    few = {e.verdict for e in two_regions.evaluations("error_rate_by_segment") if e.segment == "region=asia"}
    assert few == {"insufficient"}


def test_a_segment_that_breaks_by_itself_has_an_incident_of_its_own(two_regions: Site) -> None:
    monitor_changes.switch_monitor(two_regions.stores, "churn", "feature_drift", False, "test", settled(5))
    assert broken_in_one_region(two_regions) == [("region=us", "churn (region=us): age drifted")]
