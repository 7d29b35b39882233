"""An incident about a segment that has no more rows ends: at once for a version, after a week for any other."""

from __future__ import annotations

import pytest

from monitor.evaluation import MonitorRule
from monitor.jobs import monitor_changes
from tests.jobs.conftest import MakeSite
from tests.jobs.site import DAY, HOUR, Site
from tests.jobs.test_segments_and_sizes import regional
from tests.jobs.traffic import hour, hours, settled

FAILING = {"kind": "constant", "high": 0.2}


def failing_in_part(site: Site, segment: str) -> Site:
    """Two hours in which half of the rows, of version 2 and all over the regions, fail."""
    for index in range(2):
        bad = hour(index, rows=60, version="2", errors=60)
        good = [*hour(100 + index, rows=60, version="1")]
        for record in good:
            record.event_time -= 100 * HOUR
        site.send(regional(good, ("eu",)) + regional(bad, ("us",)), settled(index))
    site.onboard(settled(1))
    monitor_changes.switch_monitor(site.stores, site.model, "error_rate", False, "test", settled(1))  # tells it as well
    rule = MonitorRule("failing", "error_rate", HOUR, FAILING, 2, 3, 2, 20, segment=segment)
    monitor_changes.add_monitor(site.stores, site.model, rule, "test", settled(1))
    site.work(settled(1))
    return site


def go_on(site: Site, index: int) -> None:
    site.send(regional(hour(index, rows=60), ("eu",)), settled(index))
    site.work(settled(index))


def failing(site: Site) -> list[tuple[str, str]]:
    ident = site.monitors()["failing"].id
    return [(i.segment, i.state) for i in site.incidents() if i.monitor_id == ident]


@pytest.fixture
def rolled_back(make_site: MakeSite) -> Site:
    return failing_in_part(make_site(baseline_rows=5000), "version=*")


def test_the_incident_of_a_version_ends_once_it_serves_no_more(rolled_back: Site) -> None:
    assert failing(rolled_back) == [("version=2", "open")]
    go_on(rolled_back, 2)
    assert failing(rolled_back) == [("version=2", "open")]
    go_on(rolled_back, 3)
    assert failing(rolled_back) == [("version=2", "resolved")]
    [resolved] = [event.text for event in rolled_back.timeline() if event.kind == "resolved"]
    assert resolved == "version=2 has had no rows since 2026-02-22 22:00"


def test_late_rows_of_a_version_that_is_gone_open_nothing_again(rolled_back: Site) -> None:
    go_on(rolled_back, 2)
    go_on(rolled_back, 3)
    late = hour(1, rows=10, version="2", errors=10)
    for record in late:
        record.prediction_id = f"late {record.prediction_id}"
    rolled_back.send(regional(late, ("us",)), settled(4))
    assert rolled_back.work(settled(4)) == 1
    assert failing(rolled_back) == [("version=2", "resolved")]


def test_the_incident_of_any_other_segment_waits_for_a_week(make_site: MakeSite) -> None:
    site = failing_in_part(make_site(segments={"*": ["tag:region"]}, baseline_rows=5000), "region=*")
    for index in (2, 3, 6 * 24):
        go_on(site, index)
    assert failing(site) == [("region=us", "open")]
    go_on(site, 1 + DAY * 7 // HOUR)
    assert failing(site) == [("region=us", "resolved")]


def test_the_whole_model_is_no_segment(make_site: MakeSite) -> None:
    site = failing_in_part(make_site(baseline_rows=5000), "all")
    site.send(hours(10 * 24, 10 * 24 + 3, rows=5), settled(10 * 24 + 3))
    site.work(settled(10 * 24 + 3))
    assert failing(site) == [("all", "open")]  # too few rows decide nothing
