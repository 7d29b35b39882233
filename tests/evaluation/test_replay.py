"""A replay sees what a worker sees: single columns that go on, segments that leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.evaluation import Judgement, MonitorRule, Severity, Verdict
from monitor.evaluation.replay import Alarm, replay
from monitor.evaluation.state_machine import has_left

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 3, 4, tzinfo=UTC)
RULE = MonitorRule("m", "data_quality", HOUR, breaches=2, looks=3, recoveries=2)


def judgement(*columns: str) -> Judgement:
    verdict = Verdict.BREACH if columns else Verdict.OK
    return Judgement(RULE, verdict, Severity.WARNING, None, None, None, 100, "", {}, columns)


def alarms(*columns: tuple[str, ...]) -> list[Alarm]:
    judged = [(START + i * HOUR, START + (i + 1) * HOUR, judgement(*each)) for i, each in enumerate(columns)]
    return replay(RULE, "all", judged)


def test_one_column_twice_is_an_alarm_and_two_columns_once_are_none() -> None:
    assert alarms(("age",), ("plan",), ()) == []
    [alarm] = alarms(("age", "plan"), ("age",), ())
    assert alarm.columns == ("age",)


@pytest.mark.parametrize(
    ("segment", "hours", "until"),
    [
        ("region=eu", 24 * 6, None),
        ("region=eu", 24 * 8, START + 3 * HOUR),
        ("version=2", 1, None),
        ("version=2", 2, START + 3 * HOUR),
        ("all", 24 * 8, None),
    ],
)
def test_an_alarm_about_a_segment_ends_when_the_segment_has_left(
    segment: str, hours: int, until: datetime | None
) -> None:
    judged = [(START + i * HOUR, START + (i + 1) * HOUR, judgement("age")) for i in range(3)]
    [alarm] = replay(RULE, segment, judged, [START + i * HOUR for i in range(3 + hours)])
    assert alarm.until == until


def test_a_segment_that_comes_back_after_it_has_left_is_news_again() -> None:
    starts = [START + i * HOUR for i in range(24 * 9)]
    judged = [(start, start + HOUR, judgement("age")) for start in (*starts[:2], *starts[-2:])]
    first, second = replay(RULE, "region=eu", judged, starts)
    assert (first.until, second.until) == (START + 2 * HOUR, None)


def test_few_windows_without_rows_are_no_leaving_however_long_they_are() -> None:
    assert not has_left("region=eu", START, START + 30 * DAY, 1, RULE)
    assert has_left("region=eu", START, START + 30 * DAY, 2, RULE)
