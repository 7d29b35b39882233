"""Windows of a count of rows: closed when they are full, with bounds that never move."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.db.models import MetricPoint, WindowState
from monitor.evaluation import MonitorRule
from monitor.jobs import close_count_windows, monitor_changes
from monitor.windows import parse_span
from tests.jobs.site import HOUR, START, Site
from tests.jobs.traffic import hour, hours, settled

ROWS = parse_span("150 rows")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def counting(site: Site) -> Site:
    """Four hours of 100 rows, watched by windows of 150 rows."""
    site.send(hours(0, 4), settled(3))
    site.onboard(settled(3))
    rule = MonitorRule("by count", "error_rate", ROWS, {"kind": "constant", "high": 0.5}, min_rows=10)
    monitor_changes.add_monitor(site.stores, site.model, rule, "test", settled(3))
    return site


def spans(site: Site) -> list[WindowState]:
    return [s for s in site.read(WindowState, WindowState.start) if s.size_seconds == -150]


def counts(site: Site) -> list[float]:
    points = [p for p in site.read(MetricPoint, MetricPoint.start) if p.size_seconds == -150]
    return [p.value for p in points if p.metric == "predictions"]


def test_windows_follow_each_other_and_hold_the_count(counting: Site) -> None:
    assert close_count_windows(counting.stores, settled(3)) == 2
    assert close_count_windows(counting.stores, settled(3)) == 0
    counting.work(settled(3))
    first, second, newest = spans(counting)
    assert first.start == START
    assert (first.evaluated_revision, second.evaluated_revision, newest.revision) == (1, 1, 0)
    assert counts(counting) == [150, 150]
    assert [e.n for e in counting.evaluations("by count")] == [150, 150]


def test_a_full_window_waits_until_it_has_settled(counting: Site) -> None:
    assert close_count_windows(counting.stores, START + 1.5 * HOUR) == 0
    assert close_count_windows(counting.stores, START + 2 * HOUR) == 1


def test_late_rows_count_in_the_closed_window_their_event_time_falls_in(counting: Site) -> None:
    close_count_windows(counting.stores, settled(3))
    counting.work(settled(3))
    bounds = [state.start for state in spans(counting)]
    late = hour(0, rows=30)
    for index, record in enumerate(late):
        record.prediction_id = f"late{index}"
    counting.send(late, settled(4))
    assert [state.revision for state in spans(counting)] == [2, 1, 0]
    counting.work(settled(4))
    assert counts(counting) == [180, 150]
    assert [state.start for state in spans(counting)] == bounds


def test_rows_go_on_to_be_counted_where_the_last_window_ended(counting: Site) -> None:
    close_count_windows(counting.stores, settled(3))
    counting.send(hours(4, 5), settled(4))
    assert close_count_windows(counting.stores, settled(4)) == 1
    assert [state.start for state in spans(counting)][3] > START + 4 * HOUR


def test_rows_of_one_event_time_are_never_told_apart(counting: Site) -> None:
    rows = hour(5, rows=200)
    for record in rows:
        record.event_time = START + 5 * HOUR
    counting.send(rows, settled(5))
    assert close_count_windows(counting.stores, settled(5)) == 3
    counting.work(settled(5))
    assert counts(counting) == [150, 150, 300]
