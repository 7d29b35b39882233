"""Which windows are due, and who evaluates them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from monitor.db import catalog, results, window_store
from monitor.db.database import Database
from monitor.db.models import Evaluation, MetricPoint, ProfileRow, WindowState
from monitor.db.window_store import has_settled
from monitor.jobs import Stores, evaluate_due_windows, evaluate_job
from monitor.profiles import WindowProfile
from monitor.windows import Window, window_of
from tests.jobs.site import HOUR, LEASE, SETTLE, START, Site, versions
from tests.jobs.traffic import hour, hours, settled

SPAN = Window(START, HOUR)
MINUTE = timedelta(minutes=1)
NEVER = None


@pytest.mark.parametrize(
    ("now", "watermark", "touched", "expected"),
    [
        pytest.param(30, 29, 29, False, id="a window that is still open"),
        pytest.param(61, 61, 61, False, id="stragglers may still come"),
        pytest.param(62, 62, 62, True, id="rows from beyond the settle delay close it"),
        pytest.param(62, 61, 61, False, id="rows from inside the settle delay do not, while it is being touched"),
        pytest.param(63, 59, 59, True, id="nothing touched it for as long as the settle delay"),
        pytest.param(62, NEVER, 60, True, id="quiet without any watermark"),
        pytest.param(500, 40, 499, False, id="a replay of old rows is in the middle of this window"),
        pytest.param(500, 62, 499, True, id="a replay of old rows has moved past this window"),
        pytest.param(61, 99, 0, False, id="a clock ahead of ours closes nothing before its time"),
    ],
)
def test_a_window_settles(now: int, watermark: int | None, touched: int, expected: bool) -> None:
    mark = None if watermark is None else START + watermark * MINUTE
    assert has_settled(SPAN, mark, START + touched * MINUTE, START + now * MINUTE, SETTLE) is expected


minutes = st.integers(0, 400).map(lambda minute: START + minute * MINUTE)


@given(st.none() | minutes, minutes, minutes, st.integers(0, 200))
def test_a_settled_window_stays_settled_and_closed_until_something_touches_it(
    watermark: datetime | None, touched: datetime, now: datetime, later: int
) -> None:
    then = now + later * MINUTE
    if has_settled(SPAN, watermark, touched, now, SETTLE):
        assert now >= SPAN.end + SETTLE
        assert has_settled(SPAN, watermark, touched, then, SETTLE)
        assert has_settled(SPAN, max(watermark or then, then), touched, then, SETTLE)
    waited = max(touched, SPAN.end) + SETTLE
    assert has_settled(SPAN, watermark, touched, waited, SETTLE)  # however it came about, waiting always helps


def test_due_windows_come_oldest_first_whatever_order_their_rows_came_in(site: Site) -> None:
    site.send(hour(0), settled(0))
    site.work(settled(0))
    for index in (5, 2, 7):
        site.send(hour(index), settled(9))
    due = [START + index * HOUR for index in (2, 5, 7)]
    assert site.due(settled(9)) == due[:2]  # the watermark is past them; the last one still waits for stragglers
    assert site.due(settled(9) + SETTLE) == due
    with site.stores.db.reading() as session:
        assert [s.start for s in window_store.due_windows(session, settled(9), SETTLE, limit=1)] == due[:1]


def test_a_long_backlog_lets_the_new_windows_of_others_pass(site: Site) -> None:
    site.send(hour(0), settled(0))
    site.work(settled(0))
    site.send(hours(1, 4), settled(3))
    with site.stores.db.session() as session:
        model = catalog.find_model(session, site.model)
        backlog = [Window(START + index * MINUTE, MINUTE) for index in range(window_store.BACKLOG + 1)]
        window_store.touch_windows(session, model.id, backlog, settled(3))
    with site.stores.db.reading() as session:
        due = window_store.due_windows(session, settled(9), SETTLE, limit=5)
    assert [(state.size_seconds, state.start) for state in due] == [
        *((3600, START + index * HOUR) for index in (1, 2, 3)),
        *((60, START + index * MINUTE) for index in range(2)),
    ]


def test_rows_and_labels_touch_exactly_their_windows(site: Site) -> None:
    site.send(hours(0, 3), settled(2))
    site.work(settled(2))
    before = {start: state.revision for start, state in site.windows().items()}
    with site.stores.db.session() as session:
        model = catalog.find_model(session, site.model)
        edges = [START + HOUR, START + 2 * HOUR - timedelta(microseconds=1)]
        assert window_store.touch_moments(session, model.id, edges, settled(3)) == 1
        assert window_store.touch_moments(session, model.id, [], settled(3)) == 0
    after = {start: state.revision for start, state in site.windows().items()}
    assert {start for start in after if after[start] != before.get(start)} == {START + HOUR}
    assert after[START + HOUR] == before[START + HOUR] + 1


def test_collectors_that_touch_one_window_at_once_lose_no_touch(site: Site) -> None:
    site.send(hour(0), settled(0))
    site.work(settled(0))
    [model] = site.read(catalog.Model)
    fresh = [window_of(START + index * HOUR, HOUR) for index in range(1, 6)]
    together = threading.Barrier(4)

    def touch(order: int) -> None:
        together.wait()
        for _ in range(5):
            with site.stores.db.session() as session:
                window_store.touch_windows(session, model.id, fresh[:: 1 if order % 2 else -1], settled(9))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(touch, range(4)))
    assert [site.windows()[window.start].revision for window in fresh] == [20] * 5


def test_two_workers_never_both_finish_a_window(site: Site) -> None:
    site.send(hour(0), settled(0))
    site.work(settled(0))
    site.send(hours(1, 9), settled(9))
    together = threading.Barrier(3)

    def work(owner: str) -> int:
        together.wait()
        return evaluate_due_windows(site.stores, owner, settled(9) + SETTLE).evaluated

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(work, ("a", "b", "c")))
    assert sum(done) == 8
    assert [state.evaluated_revision for state in site.windows().values()] == [1] * 9
    assert len(site.evaluations("error_rate")) == 9


def claimed(site: Site, owner: str, now: datetime) -> int:
    """The id of the site's only window, which this worker has claimed and does nothing about."""
    site.onboard(now)
    [state] = site.windows().values()
    with site.stores.db.session() as session:
        assert window_store.claim_window(session, state.id, owner, now, LEASE) is not None
    return state.id


def test_a_claimed_window_is_nobody_elses_until_its_lease_is_over(site: Site) -> None:
    site.send(hour(0), settled(0))
    now = settled(0) + SETTLE
    window_id = claimed(site, "dead", now)
    with site.stores.db.session() as session:
        assert window_store.claim_window(session, window_id, "second", now + LEASE, LEASE) is None
    assert site.due(now + LEASE) == []
    assert evaluate_due_windows(site.stores, "second", now + LEASE).evaluated == 0
    assert evaluate_due_windows(site.stores, "second", now + LEASE + MINUTE).evaluated == 1
    [state] = site.windows().values()
    assert (state.lease_owner, state.evaluated_revision) == (None, state.revision)


def test_a_worker_that_lost_its_lease_writes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow worker has profiled the window when the quick one takes it over; both then want to write."""
    site.send(hour(0), settled(0))
    site.onboard(settled(0))
    [state] = site.windows().values()
    now = settled(0) + SETTLE
    profile = evaluate_job._profile

    def profile_slowly(stores: Stores, task: evaluate_job._Task) -> WindowProfile:
        with stores.db.session() as session:
            assert window_store.claim_window(session, state.id, "quick", now + 2 * LEASE, LEASE)
        return profile(stores, task)

    monkeypatch.setattr(evaluate_job, "_profile", profile_slowly)
    report = evaluate_due_windows(site.stores, "slow", now)
    assert (report.evaluated, report.lost) == (0, 1)
    assert [site.read(Evaluation), site.read(MetricPoint), site.read(ProfileRow), site.timeline()] == [[], [], [], []]
    with site.stores.db.session() as session:
        assert window_store.finish_window(session, state.id, "quick", 1)
        assert not window_store.finish_window(session, state.id, "quick", 1)


def test_writing_results_and_flushing_rows_into_the_same_window_do_not_lock_each_other_out(
    site: Site, db: Database
) -> None:
    """The evaluation holds the window and refers to the model; the flush holds the model and wants the window."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("writers queue on SQLite")
    site.send(hour(0), settled(0))
    window_id = claimed(site, "first", settled(0))
    holds_model = threading.Event()

    def flush() -> None:
        with db.session() as session:
            model_id = catalog.find_model(session, site.model).id
            catalog.count_predictions(session, model_id, versions(hour(0)), settled(0))
            holds_model.set()
            window_store.touch_moments(session, model_id, [START], settled(0))

    with ThreadPoolExecutor(1) as pool:
        with db.session() as session:
            assert window_store.finish_window(session, window_id, "first", 1)
            flushing = pool.submit(flush)
            assert holds_model.wait(30)
            results.save_profile(session, catalog.find_model(session, site.model).id, SPAN, b"", None)
        flushing.result(30)
    [state] = site.windows().values()
    assert (state.revision, state.evaluated_revision) == (2, 1)


def test_the_end_of_a_month_and_of_a_leap_day_are_windows_like_any_other(site: Site) -> None:
    last = datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
    records = hour(0, rows=2)
    records[0].event_time, records[1].event_time = last, last + timedelta(microseconds=1)
    site.send(records, last + HOUR)
    site.work(last + 2 * HOUR)
    assert list(site.windows()) == [datetime(2028, 2, 29, 23, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)]
    counts = [p.value for p in site.read(MetricPoint, MetricPoint.start) if p.metric == "predictions"]
    assert counts == [1, 1]


def test_labels_that_trickle_into_old_windows_hold_up_no_new_one(site: Site) -> None:
    site.send(hours(0, 12), settled(11))
    site.onboard(settled(11))
    with site.stores.db.session() as session:
        session.execute(update(WindowState).values(evaluated_revision=1, revision=2))
    site.send(hour(12), settled(12))
    with site.stores.db.reading() as session:
        due = window_store.due_windows(session, settled(13), SETTLE, limit=2)
    assert due[0].start == START + 12 * HOUR


def test_a_reopened_window_waits_for_more_of_what_reopened_it_but_not_for_ever(site: Site) -> None:
    site.send(hours(0, 3), settled(2))
    site.onboard(settled(2))
    wait, now = timedelta(seconds=20), settled(5)

    def due(touched: datetime, revision: int) -> int:
        with site.stores.db.session() as session:
            session.execute(update(WindowState).values(evaluated_revision=1, revision=revision, touched_at=touched))
        with site.stores.db.reading() as session:
            return len(window_store.due_windows(session, now, SETTLE, reopen=wait))

    assert due(now - timedelta(seconds=19), 2) == 0
    assert due(now - wait, 2) == 2  # the third hour has not settled
    assert due(now, 1 + window_store.MANY_TOUCHES) == 2
