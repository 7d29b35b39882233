"""The rhythm of a week: what is silence at noon may be usual at night, at weekends and before a batch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from monitor.silence import HOUR, Quiet, Rhythm, learn_rhythm

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY = 24 * HOUR
WEEKS = 6


def history(serves: Callable[[datetime], bool], weeks: int = WEEKS) -> tuple[list[Quiet], datetime]:
    """Hour by hour, for how long nothing had come when it ended; a model serves in the middle of an hour."""
    quiet: list[Quiet] = []
    last = MONDAY - 3 * DAY
    for i in range(weeks * 168):
        hour = MONDAY + i * HOUR
        if serves(hour):
            last = hour + HOUR / 2
        quiet.append((hour, (hour + HOUR - last).total_seconds()))
    return quiet, last


def rhythm(serves: Callable[[datetime], bool], weeks: int = WEEKS) -> tuple[Rhythm, datetime]:
    quiet, last = history(serves, weeks)
    found = learn_rhythm(quiet, last)
    assert found is not None
    return found, last


def in_office(hour: datetime) -> bool:
    return hour.weekday() < 5 and 9 <= hour.hour < 17


def at_night(hour: datetime) -> bool:
    return hour.hour == 2


def always(hour: datetime) -> bool:
    return True


def first_silence(found: Rhythm, last: datetime, until: timedelta = 21 * DAY) -> timedelta | None:
    """How long after the last row the model is found silent."""
    looks = (last + i * HOUR / 2 for i in range(1, until // (HOUR / 2)))
    return next((now - last for now in looks if found.is_silent(last, now, 2)), None)


def test_a_weekend_is_no_silence_and_two_working_days_are() -> None:
    found, last = rhythm(in_office)
    assert last.weekday() == 4
    assert found.rests
    assert not found.is_silent(last, last + 2 * DAY, 2)
    assert not found.is_silent(last, last.replace(hour=20) + 3 * DAY, 2)  # Monday may be a holiday
    silent = first_silence(found, last)
    assert silent is not None
    assert timedelta(days=3) < silent < timedelta(days=4)


def test_a_holiday_on_a_friday_is_no_silence_either() -> None:
    quiet, last = history(in_office)
    thursday = last - DAY
    found = learn_rhythm(quiet, thursday)
    assert found is not None
    assert not any(found.is_silent(thursday, thursday + i * HOUR, 2) for i in range(1, 88))  # to Monday, nine o'clock
    assert found.is_silent(thursday, thursday + 94 * HOUR, 2)


def test_a_nightly_run_that_is_missed_is_found_in_the_morning() -> None:
    found, last = rhythm(at_night)
    assert not found.rests
    silent = first_silence(found, last)
    assert silent is not None
    assert timedelta(hours=25) < silent < timedelta(hours=32)


def test_constant_traffic_that_stops_is_found_within_hours_whatever_the_hour() -> None:
    found, last = rhythm(always)
    for hours in range(0, 168, 13):
        silent = first_silence(found, last + hours * HOUR)
        assert silent is not None
        assert silent <= timedelta(hours=5)


def test_a_run_that_was_late_before_may_be_late_again() -> None:
    late_day = MONDAY + 15 * DAY

    def once_late(hour: datetime) -> bool:
        return hour.hour == (6 if hour.date() == late_day.date() else 2)

    found, last = rhythm(once_late)
    on_time, _ = rhythm(at_night)
    silent, usual = first_silence(found, last), first_silence(on_time, last)
    assert silent is not None
    assert usual is not None
    assert silent >= usual + timedelta(hours=4)


@pytest.mark.parametrize("weeks", [0, 1, 2])
def test_fewer_than_three_weeks_tell_no_rhythm(weeks: int) -> None:
    quiet, last = history(always, weeks)
    assert learn_rhythm(quiet, last) is None


def test_hours_that_nobody_looked_at_are_no_silence() -> None:
    quiet, last = history(always)
    found = learn_rhythm([each for each in quiet if each[0].hour != 5 and each[0].weekday() != 6], last)
    assert found is not None
    sunday = MONDAY + (7 * WEEKS - 1) * DAY + 12 * HOUR
    assert not found.is_silent(sunday - 8 * HOUR, sunday, 2)


def test_the_gap_itself_teaches_nothing() -> None:
    quiet, last = history(always)
    gap = [(last + (i + 1) * HOUR - HOUR / 2, (i + 1) * 3600.0) for i in range(200)]
    assert learn_rhythm([*quiet, *gap], last).__repr__() == learn_rhythm(quiet, last).__repr__()
