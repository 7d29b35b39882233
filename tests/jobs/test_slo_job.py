"""Objectives of a real model: from rows in the lake to points, evaluations and one incident."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor.db import service_samples
from monitor.db.models import MetricPoint
from monitor.db.service_samples import NewSample
from monitor.errors import Conflict, InvalidValue
from monitor.evaluation import MonitorRule
from monitor.jobs import SloWatch, check_slos, monitor_changes
from monitor.lake import Kind
from monitor.profiles import ServiceProfile
from monitor.records import PredictionRecord
from monitor.slo_settings import SloSettings
from tests.jobs.site import DAY, HOUR, START, Site

MINUTE = timedelta(minutes=1)
SLOS = {"promise": SloSettings(models=("ch*",)), "fast": SloSettings(objective="latency", latency_ms=100, target=0.99)}


SLO_MONITORS = ("slo:promise", "slo:promise:slow", "slo:fast", "slo:fast:slow")


@pytest.fixture
def promising(site: Site) -> Site:
    site.stores = replace(site.stores, settings=site.stores.settings.model_copy(update={"slos": SLOS}))
    return site


def calls(minute: int, failed: int = 0, slow: int = 0, rows: int = 20) -> list[PredictionRecord]:
    """The calls of one minute; the first ones fail, or take a second."""
    return [
        PredictionRecord(
            model="churn",
            prediction_id=f"m{minute}-{failed}-{i}",
            event_time=START + minute * MINUTE + i * MINUTE / rows,
            received_time=START + minute * MINUTE,
            prediction=None if i < failed else 1,
            status_code=503 if i < failed else 200,
            latency_ms=1000.0 if i < slow else 20.0,
        )
        for i in range(rows)
    ]


def send(site: Site, first: int, last: int, failed: int = 0, slow: int = 0) -> datetime:
    """The minutes `first` to `last` - 1, in one go; returns when they are over."""
    end = START + last * MINUTE
    site.send([record for minute in range(first, last) for record in calls(minute, failed, slow)], end)
    return end


def points(site: Site, metric: str, name: str) -> list[MetricPoint]:
    return [p for p in site.read(MetricPoint, MetricPoint.start) if (p.metric, p.metric_column) == (metric, name)]


def test_an_outage_pages_and_the_incident_ends_minutes_after_it(promising: Site) -> None:
    watch = SloWatch(promising.stores)
    assert watch.check(send(promising, 0, 180)) == 0
    assert promising.incidents() == []
    for minute in range(180, 184):
        end = send(promising, minute, minute + 1, failed=20)
        assert watch.check(end) == 1
    [incident] = promising.incidents()
    assert (incident.metric, incident.severity) == ("slo_burn", "critical")
    assert "% of the calls failed in the last 1 h" in incident.evidence["summary"]
    for over in range(190, 300, 5):
        watch.check(send(promising, over - 6, over - 1))
        if promising.incidents()[0].state == "resolved":
            break
    assert 30 <= over - 184 <= 45  # the short window of the six hours' rule, and two slots without a breach
    for later in range(over + 5, over + 40, 5):
        watch.check(send(promising, later - 6, later - 1))
    assert [event.kind for event in promising.timeline()] == ["opened", "resolved"]  # and no ticket about the same


def test_a_slow_burn_is_a_ticket_that_waits_for_the_morning(promising: Site) -> None:
    send(promising, 0, 24 * 60)
    check_slos(promising.stores, send(promising, 24 * 60, 25 * 60, failed=1))
    [page] = promising.incidents()
    assert page.severity == "critical"  # five per cent of an hour's calls

    slower = [record for minute in range(26 * 60, 30 * 60) for record in calls(minute, failed=minute % 10 == 0)]
    promising.send(slower, START + 30 * HOUR)
    check_slos(promising.stores, START + 30 * HOUR)
    assert [(i.severity, i.state) for i in promising.incidents()][-1] == ("warning", "open")


def test_the_points_say_how_fast_and_how_much_is_left(promising: Site) -> None:
    end = send(promising, 0, 50)
    check_slos(promising.stores, send(promising, 50, 60, failed=1, slow=2))
    [burn], [left] = points(promising, "slo_burn", "promise"), points(promising, "slo_budget", "promise")
    assert burn.value == pytest.approx(10 / 1200 / 0.001)
    assert left.value == pytest.approx(1 - 10 / 1200 / 0.001)
    assert (burn.n, burn.segment, burn.size_seconds) == (1200, "slo", 300)
    [fast] = points(promising, "slo_burn", "fast")
    assert fast.value == pytest.approx(20 / 1200 / 0.01)
    assert end < START + HOUR


def test_stored_windows_fill_the_budget_of_the_whole_period(promising: Site) -> None:
    send(promising, 0, 60, failed=1)
    promising.work(START + 2 * HOUR)
    later = START + 5 * DAY
    promising.send([record for minute in range(7200, 7260) for record in calls(minute)], later + HOUR)
    check_slos(promising.stores, later + HOUR)
    [left] = points(promising, "slo_budget", "promise")
    assert left.value == pytest.approx(1 - 60 / 2400 / 0.001)


def test_late_rows_and_compaction_give_what_rows_on_time_give(promising: Site) -> None:
    watch = SloWatch(promising.stores)
    watch.check(send(promising, 0, 60))
    late = [record for minute in range(30, 40) for record in calls(minute, failed=3, rows=3)]
    promising.send(late, START + 61 * MINUTE)
    watch.check(START + 61 * MINUTE)
    [burn] = points(promising, "slo_burn", "promise")
    assert burn.value == pytest.approx(30 / 1230 / 0.001)
    assert promising.stores.lake.compact("churn", Kind.PREDICTIONS) == 2
    [one_more, *_] = calls(59, failed=4)
    promising.send([one_more], START + 62 * MINUTE)
    watch.check(START + 62 * MINUTE)
    [again] = points(promising, "slo_burn", "promise")
    assert again.value == pytest.approx(31 / 1231 / 0.001)


def test_no_traffic_leaves_nothing_behind(promising: Site) -> None:
    assert check_slos(promising.stores, START) == 0
    send(promising, 0, 10, failed=20)
    assert check_slos(promising.stores, START + 30 * DAY) == 0
    assert promising.evaluations("slo:promise") == []
    assert promising.incidents() == []


def test_a_worker_that_begins_again_knows_what_it_knew(promising: Site) -> None:
    watch = SloWatch(promising.stores)
    watch.check(send(promising, 0, 60, failed=1))
    [before] = points(promising, "slo_burn", "promise")
    check_slos(promising.stores, START + HOUR)
    [after] = points(promising, "slo_burn", "promise")
    assert (before.value, before.n) == (after.value, after.n)
    assert len(promising.incidents()) == 1


def test_the_server_s_counters_count_where_there_is_no_log(promising: Site) -> None:
    served = [
        NewSample("churn", "1", START + i * MINUTE, START + (i + 1) * MINUTE, ServiceProfile(10, 10.0, 0, 5))
        for i in range(10)
    ]
    with promising.stores.db.session() as session:
        service_samples.save_samples(session, "pages", served, 10, START + 10 * MINUTE)
    assert check_slos(promising.stores, START + 11 * MINUTE) == 1
    [burn] = points(promising, "slo_burn", "promise")
    assert (burn.value, burn.n) == (pytest.approx(500), 100)


def test_an_objective_that_is_gone_from_the_settings_rests(promising: Site) -> None:
    check_slos(promising.stores, send(promising, 0, 10))
    assert {"slo:promise", "slo:fast"} <= {name for name, m in promising.monitors().items() if m.enabled}
    fewer = promising.stores.settings.model_copy(update={"slos": {"promise": SloSettings(target=0.99)}})
    check_slos(replace(promising.stores, settings=fewer), START + 11 * MINUTE)
    monitors = promising.monitors()
    assert (monitors["slo:fast"].enabled, monitors["slo:promise"].threshold["target"]) == (False, 0.99)


def test_an_objective_that_is_gone_ends_its_incident_and_comes_back_with_the_settings(promising: Site) -> None:
    end = send(promising, 0, 60, failed=20)
    check_slos(promising.stores, end)
    none = promising.stores.settings.model_copy(update={"slos": {}})
    check_slos(replace(promising.stores, settings=none), end)
    assert {incident.state for incident in promising.incidents()} == {"resolved"}
    assert promising.timeline()[-1].text == "its objective is gone from the settings"
    check_slos(promising.stores, end)
    assert {name: m.enabled for name, m in promising.monitors().items()} == dict.fromkeys(SLO_MONITORS, True)


def test_a_monitor_of_an_objective_that_a_person_disabled_stays_so_and_says_nothing(promising: Site) -> None:
    check_slos(promising.stores, send(promising, 0, 10))
    monitor_changes.switch_monitor(promising.stores, "churn", "slo:promise", False, "ann", START)
    before = len(promising.evaluations("slo:promise"))
    end = send(promising, 10, 180, failed=20)
    assert check_slos(promising.stores, end) == 1
    assert not promising.monitors()["slo:promise"].enabled
    assert len(promising.evaluations("slo:promise")) == before
    assert [i.title for i in promising.incidents() if i.severity == "critical"] == []
    changed = {"promise": SloSettings(target=0.9), "fast": SLOS["fast"]}
    told = promising.stores.settings.model_copy(update={"slos": changed})
    check_slos(replace(promising.stores, settings=told), end)
    assert not promising.monitors()["slo:promise"].enabled


def test_monitors_of_objectives_are_made_by_the_settings_alone(promising: Site) -> None:
    check_slos(promising.stores, send(promising, 0, 10))
    with pytest.raises(Conflict, match="'slo:promise:slow' is of an objective in the settings"):
        monitor_changes.remove_monitor(promising.stores, "churn", "slo:promise:slow", "ann", START)
    named = MonitorRule("slo:mine", "error_rate", HOUR, {"kind": "constant", "high": 1})
    with pytest.raises(InvalidValue, match="'slo:mine' begins with slo:"):
        monitor_changes.add_monitor(promising.stores, "churn", named, "ann", START)
    for metric in ("slo_burn", "slo_budget"):
        with pytest.raises(InvalidValue, match=f"{metric} is watched for the objectives in the settings"):
            monitor_changes.check(promising.stores, "churn", replace(named, metric=metric))
    fewer = promising.stores.settings.model_copy(update={"slos": {}})
    check_slos(replace(promising.stores, settings=fewer), START + 11 * MINUTE)
    monitor_changes.remove_monitor(replace(promising.stores, settings=fewer), "churn", "slo:promise", "ann", START)
    assert "slo:promise" not in promising.monitors()


def test_a_model_that_no_objective_is_for_is_left_alone(site: Site) -> None:
    other = {"other": SloSettings(models=("risk",))}
    site.stores = replace(site.stores, settings=site.stores.settings.model_copy(update={"slos": other}))
    assert check_slos(site.stores, send(site, 0, 60, failed=20)) == 0
    assert "slo:other" not in site.monitors()


def test_the_evaluation_of_windows_leaves_objectives_to_their_own_job(promising: Site) -> None:
    check_slos(promising.stores, send(promising, 0, 180))
    before = [(e.window_start, e.verdict) for e in promising.evaluations("slo:promise")]
    promising.work(START + 4 * HOUR)
    assert [(e.window_start, e.verdict) for e in promising.evaluations("slo:promise")] == before
    assert len(points(promising, "slo_burn", "promise")) == 1
