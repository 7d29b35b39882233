"""A model that appears by itself is watched by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.db import catalog, window_store
from monitor.db.models import MetricPoint, WindowState
from monitor.engines import RowSource, get_engine
from monitor.jobs import check_silence, evaluate_due_windows, onboard_models
from monitor.lake import predictions_table
from monitor.windows import parse_size, windows_touched
from tests.jobs.site import DAY, HOUR, SETTLE, START, Site, versions
from tests.jobs.traffic import calls, hour, hours, label, labels, settled

SERVICE = {"error_rate", "latency_p95", "type_errors", "silence"}
DRIFT = {"feature_drift", "prediction_drift", "data_quality"}
JUDGED = DRIFT | {"auc", "estimated_accuracy"}


def test_service_monitors_come_at_once_and_drift_and_performance_with_the_baseline(site: Site) -> None:
    site.send(hours(0, 3), settled(2))
    assert site.onboard(settled(2)) == len(SERVICE)
    assert set(site.monitors()) == SERVICE
    assert site.onboard(settled(2)) == 0
    site.work(settled(2))
    site.send(hours(3, 5), settled(4))
    assert site.onboard(settled(4)) == len(JUDGED)
    assert set(site.monitors()) == SERVICE | JUDGED
    assert site.onboard(settled(4)) == 0
    # What came before is looked at again with the new monitors.
    assert sorted(site.due(settled(4) + SETTLE)) == [START + index * HOUR for index in range(5)]
    site.work(settled(4))
    assert {len(site.evaluations(name)) for name in site.monitors() if name != "silence"} == {5}


def test_a_scored_classifier_is_judged_by_auc_even_if_its_labels_take_days(site: Site) -> None:
    site.send(hours(0, 6), settled(5))
    site.work(settled(5))
    assert {"auc", "accuracy"} & set(site.monitors()) == {"auc"}
    assert {e.verdict for e in site.evaluations("auc")} == {"insufficient"}
    site.label(labels(hours(0, 6)), settled(5) + 3 * DAY)
    site.work(settled(5) + 3 * DAY)
    assert {"auc", "accuracy"} & set(site.monitors()) == {"auc"}
    assert {e.verdict for e in site.evaluations("auc")} == {"ok"}


def test_only_windows_that_have_rows_become_due_however_far_apart_they_are(site: Site) -> None:
    """One record with a clock of twenty years ago must not make twenty years of windows."""
    [stray] = hour(3, rows=1)
    stray.event_time = START - timedelta(days=20 * 365)
    site.send([stray, *hour(0), *hour(5)], settled(5))
    site.onboard(settled(5))
    assert list(site.windows()) == [stray.event_time.replace(minute=0), START, START + 5 * HOUR]


moments = st.lists(st.integers(0, 400 * 24 * 3600 * 10**6), min_size=1, max_size=20)


@given(moments, st.sampled_from(["1m", "90m", "1h", "1d", "1w", "2w"]))
def test_the_engine_and_the_definition_agree_on_which_windows_have_rows(offsets: list[int], size: str) -> None:
    records = calls([1] * len(offsets))
    for record, offset in zip(records, offsets, strict=True):
        record.event_time = START + timedelta(microseconds=offset)
    found = get_engine().windows(RowSource(table=predictions_table(records, {})), parse_size(size))
    assert found == windows_touched([record.event_time for record in records], parse_size(size))


def test_rows_that_come_while_a_model_is_onboarded_are_in_a_due_window(site: Site) -> None:
    """The flush has appended and counted; whichever of the two then comes first, the window is touched."""
    site.send(hour(0), settled(0))
    for index in range(1, 4):
        with ThreadPoolExecutor(2) as pool:
            sending = pool.submit(site.send, hour(index), settled(index))
            pool.submit(onboard_models, site.stores, settled(index)).result()
            sending.result()
    assert list(site.windows()) == [START + index * HOUR for index in range(4)]


def test_a_flush_that_began_before_the_monitors_were_there_touches_the_new_windows(site: Site) -> None:
    """The rows are in the lake and being counted when onboarding starts: it waits, then finds them there."""
    site.send(hour(0), settled(0))
    with ThreadPoolExecutor(1) as pool:
        with site.stores.db.session() as session:
            model_id = catalog.find_model(session, site.model).id
            late = hour(1)
            site.append_only(late)
            catalog.count_predictions(session, model_id, versions(late), settled(1))
            onboarding = pool.submit(onboard_models, site.stores, settled(1))
            window_store.touch_moments(session, model_id, [each.event_time for each in late], settled(1))
        assert onboarding.result(30) == len(SERVICE)
    assert list(site.windows()) == [START, START + HOUR]


def test_workers_that_onboard_at_once_add_each_monitor_once(site: Site) -> None:
    site.send(hours(0, 6), settled(5))
    with ThreadPoolExecutor(3) as pool:
        added = [pool.submit(site.onboard, settled(5)) for _ in range(3)]
        assert sum(each.result(60) for each in added) == len(SERVICE | JUDGED)
    assert set(site.monitors()) == SERVICE | JUDGED


def test_a_model_with_only_labels_is_known_and_nothing_is_said_about_it(site: Site) -> None:
    site.label([label("nobody", 1, START)], settled(0))
    site.work(settled(0))
    assert set(site.monitors()) == SERVICE
    assert site.read(WindowState) == []
    assert check_silence(site.stores, settled(0) + 30 * DAY) == 0


def test_a_model_without_features_has_everything_but_feature_drift(site: Site) -> None:
    site.send([r for index in range(7) for r in calls([0, 1] * 50, first=index, gap=HOUR / 100)], settled(6))
    site.work(settled(6))
    last = {name: site.evaluations(name)[-1] for name in site.monitors() if name != "silence"}
    assert (last["feature_drift"].verdict, last["feature_drift"].reason) == (
        "undefined",
        "the baseline has no features",
    )
    assert last["prediction_drift"].verdict == "ok"
    assert (last["latency_p95"].verdict, last["latency_p95"].reason) == (
        "undefined",
        "no record of this window has a latency",
    )
    assert last["accuracy"].verdict == "insufficient"


def test_a_model_that_only_fails_has_service_metrics_and_no_task(site: Site) -> None:
    site.send(hours(0, 6, errors=100), settled(5))
    site.work(settled(5))
    assert set(site.monitors()) == SERVICE | DRIFT
    assert {e.verdict for e in site.evaluations("error_rate")} == {"ok"}  # of itself it is what is normal
    assert {p.value for p in site.read(MetricPoint) if p.metric == "error_rate"} == {1.0}


@pytest.mark.parametrize("features", [250, pytest.param(2000, marks=pytest.mark.slow)])
def test_as_many_features_as_a_model_may_have_are_evaluated_in_one_go(plain_site: Site, features: int) -> None:
    """The limit is 2,000; all of them in one query took 70 GB."""
    records = hours(0, 6)
    for row, record in enumerate(records):
        record.features = {f"x{i}": float((row * (i + 7)) % 101) for i in range(features)}
    plain_site.send(records, settled(5))
    plain_site.onboard(settled(5))
    assert evaluate_due_windows(plain_site.stores, "w", settled(5) + SETTLE, limit=1).evaluated == 1
    assert len([p for p in plain_site.read(MetricPoint) if p.metric == "drift"]) == features
    [evaluation] = plain_site.evaluations("feature_drift")
    assert evaluation.reason.endswith(f"{features} features drifted")
