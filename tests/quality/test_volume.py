"""The number of rows is judged by its own rhythm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.profiles import ServiceProfile, WindowProfile
from monitor.quality import QualityRule, learn_rhythm, volume_point
from monitor.quality.volume import volume_finding
from monitor.windows import Window

HOUR = timedelta(hours=1)
NOW = Window(datetime(2026, 3, 2, 9, tzinfo=UTC), HOUR)
RULE = QualityRule()


def weeks(rows: dict[int, float]) -> list[tuple[datetime, float]]:
    return [(NOW.start - week * timedelta(days=7), count) for week, count in rows.items()]


def broken(rows: int, earlier: list[tuple[datetime, float]]) -> list[str]:
    rhythm = learn_rhythm(earlier, NOW)
    assert rhythm is not None
    window = WindowProfile(ServiceProfile(rows, float(rows)))
    return [finding.why for finding in volume_finding(window, rhythm, RULE)]


def test_a_busy_hour_is_compared_with_the_same_hour_of_earlier_weeks() -> None:
    quiet_night = [(NOW.start - k * HOUR, 10.0) for k in range(1, 100)]
    earlier = weeks({1: 1000, 2: 1100, 3: 950}) + quiet_night
    assert broken(1050, earlier) == []
    assert broken(300, earlier) == ["300 rows where 1,000 are usual (the same time of earlier weeks)"]
    assert broken(3000, earlier) == ["3,000 rows where 1,000 are usual (the same time of earlier weeks)"]


def test_half_of_a_number_that_scatters_that_much_is_nothing_odd() -> None:
    assert broken(300, weeks({1: 1000, 2: 1300, 3: 700, 4: 1000, 5: 850})) == []  # three of its deviations away
    assert broken(300, weeks({1: 1000, 2: 1010, 3: 990, 4: 1000, 5: 290})) == []  # one week had fewer
    assert broken(300, weeks({1: 1000, 2: 1010, 3: 990, 4: 1000, 5: 995})) != []


def test_counts_scatter_even_where_earlier_ones_were_all_alike() -> None:
    assert broken(25, weeks({1: 60, 2: 60, 3: 60})) == []
    assert broken(15, weeks({1: 60, 2: 60, 3: 60})) != []


def test_one_odd_week_does_not_make_the_usual_number() -> None:
    rhythm = learn_rhythm(weeks({1: 1000, 2: 1100, 3: 950, 4: 90_000}), NOW)
    assert rhythm is not None
    assert 950 <= rhythm.usual <= 1100


def test_without_weeks_the_same_time_of_day_counts_and_then_any_window() -> None:
    days = [(NOW.start - day * timedelta(days=1), 500.0) for day in range(1, 6)]
    by_day = learn_rhythm(days, NOW)
    assert by_day is not None
    assert by_day.what == "the same time of earlier days"
    hours = [(NOW.start - k * HOUR, 500.0) for k in range(1, 13)]
    by_hour = learn_rhythm(hours, NOW)
    assert by_hour is not None
    assert by_hour.what == "earlier windows"
    assert learn_rhythm(hours[:5], NOW) is None
    assert learn_rhythm([], NOW) is None


def test_later_windows_tell_nothing() -> None:
    assert learn_rhythm([(NOW.start + k * HOUR, 500.0) for k in range(100)], NOW) is None


def test_few_rows_are_never_judged() -> None:
    assert broken(0, weeks({1: 20, 2: 25, 3: 22})) == []


def test_the_point_is_a_multiple_of_the_usual_number() -> None:
    rhythm = learn_rhythm(weeks({1: 1000, 2: 1000, 3: 1000}), NOW)
    assert volume_point(500.0, rhythm, 500).value == 0.5
    assert volume_point(500.0, None, 500).reason == "too few earlier windows to know the usual number of rows"
    empty = learn_rhythm(weeks({1: 0, 2: 0, 3: 0}), NOW)
    assert volume_point(5.0, empty, 5).value is None
