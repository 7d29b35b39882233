"""Rows and labels that come late change exactly what they are about, and in the end everything is as if on time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.db import window_store
from monitor.db.models import Evaluation, MetricPoint, ProfileRow
from monitor.jobs import Stores, evaluate_due_windows, evaluate_job
from monitor.profiles import WindowProfile
from tests.jobs.conftest import MakeSite
from tests.jobs.site import HOUR, SETTLE, START, Site, results
from tests.jobs.traffic import hour, hours, label, labels, settled

LAST = settled(8)


def on_time(site: Site) -> Site:
    """Nine hours, their labels within the hour, everything evaluated after everything has come."""
    site.send(hours(0, 9), LAST)
    site.label(labels(hours(0, 9)), LAST)
    site.work(LAST)
    return site


def touched_by(site: Site) -> list[int]:
    """Which hours are due."""
    return [int((start - START) / HOUR) for start in site.due(LAST + 10 * HOUR)]


def test_late_rows_reopen_their_window_alone_and_its_results_become_those_of_a_run_on_time(
    site: Site, make_site: MakeSite
) -> None:
    late, kept = hour(6)[90:], hour(6)[:90]
    site.send([*hours(0, 6), *kept, *hours(7, 9)], LAST)
    site.label(labels(hours(0, 9)), LAST)  # labels of the rows to come are here before them
    site.work(LAST)
    before = results(site)
    site.send(late, LAST + HOUR)
    assert touched_by(site) == [6]
    assert site.work(LAST + HOUR) == 1
    after = results(site)
    assert after == results(on_time(make_site()))
    moved = [row["start"] for row, was in zip(after["profiles"], before["profiles"], strict=True) if row != was]
    assert moved == [START + 6 * HOUR]


def test_late_labels_reopen_their_windows_alone_and_their_results_become_those_of_a_run_on_time(
    site: Site, make_site: MakeSite
) -> None:
    truth = labels(hours(0, 9))
    late = [each for each in truth if each.prediction_id.startswith(("h6-", "h8-"))]
    site.send(hours(0, 9), LAST)
    site.label([each for each in truth if each not in late], LAST)
    site.work(LAST)
    assert [e.verdict for e in site.evaluations("auc")][6:] == ["insufficient", "ok", "insufficient"]
    site.label(late, LAST + HOUR)
    assert touched_by(site) == [6, 8]
    site.work(LAST + HOUR)
    assert results(site) == results(on_time(make_site()))


def test_a_corrected_label_replaces_the_earlier_one_and_an_older_one_does_not(site: Site) -> None:
    site.send(hours(0, 6), LAST)
    site.label(labels(hours(0, 6), right=1.0), LAST)
    site.work(LAST)
    record = hour(5)[0]

    def accuracy() -> float | None:
        points = [p for p in site.read(MetricPoint) if p.metric == "accuracy" and p.start == START + 5 * HOUR]
        return points[0].value

    wrong = 1 - int(bool(record.prediction))
    assert accuracy() == 1.0
    site.label([label(record.prediction_id, wrong, record.event_time)], LAST + HOUR)
    site.work(LAST + HOUR)
    assert accuracy() == 1.0
    site.label([label(record.prediction_id, wrong, record.event_time + 5 * HOUR)], LAST + HOUR)
    site.work(LAST + HOUR)
    assert accuracy() == 0.99


def test_a_label_of_nobody_touches_nothing_and_joins_when_its_prediction_comes(site: Site) -> None:
    site.send(hours(0, 6), settled(5))
    site.work(settled(5))
    site.label(labels(hour(6)), settled(5))
    assert site.due(settled(5) + HOUR) == []
    site.send(hour(6), settled(6))
    site.work(settled(6))
    joined = {p.start: p.value for p in site.read(MetricPoint) if p.metric == "labels"}
    assert joined[START + 6 * HOUR] == 100
    assert joined[START + 5 * HOUR] == 0


def test_evaluating_a_window_again_gives_the_same_rows(site: Site) -> None:
    on_time(site)
    first = results(site)
    counts = [len(site.read(table)) for table in (Evaluation, MetricPoint, ProfileRow)]
    [model] = {state.model_id for state in site.windows().values()}
    with site.stores.db.session() as session:
        window_store.touch_moments(session, model, [START + index * HOUR for index in range(9)], LAST)
    assert site.work(LAST) == 9
    assert results(site) == first
    assert [len(site.read(table)) for table in (Evaluation, MetricPoint, ProfileRow)] == counts
    keys = [(e.monitor_id, e.window_start, e.segment) for e in site.read(Evaluation)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("batch", [170, 900])
def test_the_same_log_replayed_elsewhere_gives_identical_evaluations(make_site: MakeSite, batch: int) -> None:
    """As it came, hour by hour, and then in batches that end anywhere, are evaluated in between and labelled last."""
    live, replayed, log = make_site(), make_site(), hours(0, 9)
    for index in range(9):
        live.send(hour(index), settled(index))
        live.label(labels(hour(index)), settled(index))
        live.work(settled(index))
    for first in range(0, len(log), batch):
        replayed.send(log[first : first + batch], LAST)
        replayed.work(LAST)
    replayed.label([each for index in range(9) for each in labels(hour(index))], LAST)
    replayed.work(LAST + HOUR)
    assert results(replayed) == results(live)


def test_a_row_that_comes_while_its_window_is_evaluated_leaves_the_window_due(
    site: Site, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.send([*hours(0, 6), *hour(6)[:99]], LAST)
    site.work(LAST)
    site.send(hour(6)[99:], LAST)
    site.send(hours(7, 9), LAST)
    profile = evaluate_job._profile

    def profile_then_receive(stores: Stores, task: evaluate_job._Task) -> WindowProfile:
        answer = profile(stores, task)
        if task.watched.window.start == START + 8 * HOUR and task.state.revision == 1:
            site.send([hour(8, rows=101)[100]], LAST)
        return answer

    monkeypatch.setattr(evaluate_job, "_profile", profile_then_receive)
    assert evaluate_due_windows(site.stores, "w", LAST + SETTLE).evaluated == 3
    state = site.windows()[START + 8 * HOUR]
    assert (state.revision, state.evaluated_revision, state.lease_owner) == (2, 1, None)
    assert touched_by(site) == [8]
    site.work(LAST + timedelta(hours=3))
    rows = {p.start: p.value for p in site.read(MetricPoint) if p.metric == "predictions"}
    assert rows[START + 8 * HOUR] == 101
    assert touched_by(site) == []
