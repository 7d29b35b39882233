"""Burn rates on hand-made traffic, and the alarms of the usual stories."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.profiles import LatencySketch, ServiceProfile
from monitor.slo import Events, Objective, add_counted, budget_left, burn_rate, burn_rules, events_of, judge_slo, total
from monitor.slo.words import in_words
from monitor.slo_settings import SloSettings

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONTH = 30 * DAY
TARGET = 0.999


def traffic(minutes: int, calls: int = 100, bad: int = 0, end: datetime = NOON) -> dict[datetime, Events]:
    """So many calls, `bad` of them bad, in each of the minutes before `end`."""
    each = Events(calls, float(calls), bad, float(bad))
    return {end - (i + 1) * MINUTE: each for i in range(minutes)}


def firing(minutes: dict[datetime, Events], now: datetime = NOON, target: float = TARGET) -> tuple[float, bool] | None:
    burn = judge_slo(minutes, target, MONTH, now).firing
    return (burn.rule.rate, burn.rule.pages) if burn else None


def test_the_rules_of_thirty_days_are_those_of_the_workbook() -> None:
    rules = burn_rules(TARGET, MONTH)
    assert [(r.long / HOUR, r.short / MINUTE, round(r.rate, 9), r.pages) for r in rules] == [
        (1, 5, 14.4, True),
        (6, 30, 6, True),
        (24, 120, 3, False),
        (72, 360, 1, False),
    ]


def test_another_period_spends_the_same_share_of_its_budget() -> None:
    assert [round(r.rate, 9) for r in burn_rules(TARGET, 28 * DAY)] == [13.44, 5.6, 2.8, 1]
    assert [round(r.rate, 9) for r in burn_rules(TARGET, 90 * DAY)] == [43.2, 18, 9, 3]
    assert [(r.long / HOUR, round(r.rate, 9)) for r in burn_rules(TARGET, 7 * DAY)] == [
        (1, 3.36),
        (6, 1.4),
        (24, 1),
        (72, 1),
    ]
    assert [r.long / HOUR for r in burn_rules(TARGET, DAY)] == [1, 6]


def test_a_low_target_still_pages_about_an_outage() -> None:
    assert burn_rules(0.9, MONTH)[0].rate == pytest.approx(5)  # a complete outage burns at 10
    assert firing(traffic(60, bad=60), target=0.9) == (pytest.approx(5), True)
    assert firing(traffic(60, bad=40), target=0.9) == (pytest.approx(3), False)


def test_burn_rates_are_exact() -> None:
    minutes = traffic(60, calls=100, bad=0) | traffic(5, calls=100, bad=12)
    fast = judge_slo(minutes, TARGET, MONTH, NOON).burns[0]
    assert fast.long_rate == pytest.approx((60 / 6000) / 0.001)
    assert fast.short_rate == pytest.approx((60 / 500) / 0.001)
    assert (fast.long_events.rows, fast.long_events.bad_rows, fast.fires) == (6000, 60, False)
    assert burn_rate(Events(10, 10.0, 0, 0.0), TARGET) == 0
    assert math.isnan(burn_rate(Events(), TARGET))


def test_a_rate_at_the_threshold_fires_and_one_below_does_not() -> None:
    before = traffic(3 * 24 * 60, calls=10_000)
    assert firing(before | traffic(60, calls=10_000, bad=144)) == (pytest.approx(14.4), True)
    assert firing(before | traffic(60, calls=10_000, bad=143)) is None


def test_weights_count_and_not_rows() -> None:
    every_failure_and_a_tenth_of_the_rest = {NOON - MINUTE: Events(190, 1000.0, 100, 100.0)}
    burn = judge_slo(every_failure_and_a_tenth_of_the_rest, TARGET, MONTH, NOON).burns[0]
    assert burn.long_rate == pytest.approx(100)


def test_what_was_paged_about_is_over_for_tickets_only() -> None:
    minutes = traffic(3 * 24 * 60) | traffic(30, bad=100)
    before = [burn.fires for burn in judge_slo(minutes, TARGET, MONTH, NOON).burns]
    paged = judge_slo(minutes, TARGET, MONTH, NOON, paged_until=NOON)
    assert before == [True, True, True, True]
    assert [burn.fires for burn in paged.burns] == [True, True, False, False]
    again = judge_slo(minutes, TARGET, MONTH, NOON, paged_until=NOON - 10 * MINUTE)
    assert all(burn.fires for burn in again.burns)


def test_words_count_calls_and_not_rows() -> None:
    sampled = {NOON - MINUTE: Events(190, 1000.0, 100, 100.0)}
    burn = judge_slo(sampled, TARGET, MONTH, NOON).burns[0]
    told = in_words("checkout", SloSettings(), burn, 0.83)
    assert told == (
        "10 % of the calls failed in the last 1 h (100 of 1,000): the error budget of checkout (99.9 % over 30d) "
        "is spent 100 times as fast as it may be; 83 % of it is left"
    )


def test_an_outage_pages_within_minutes() -> None:
    for since in range(1, 10):
        minutes = traffic(3 * 24 * 60, end=NOON) | traffic(since, bad=100)
        if firing(minutes):
            break
    assert since == 1  # a minute of it spends 1.7 % of an hour's calls: 16.7 times too fast


def test_a_slow_burn_is_a_ticket() -> None:
    burning = traffic(3 * 24 * 60, calls=1000, bad=0) | traffic(24 * 60, calls=1000, bad=4)
    assert firing(burning) == (pytest.approx(3), False)
    slower = traffic(3 * 24 * 60, calls=10_000, bad=12)
    assert firing(slower) == (pytest.approx(1), False)


def test_a_recovery_ends_the_page_through_the_short_window() -> None:
    outage = {minute + 10 * MINUTE: events for minute, events in traffic(10, bad=50).items()}
    before = traffic(3 * 24 * 60)
    assert firing(before | outage, NOON + 10 * MINUTE) == (pytest.approx(14.4), True)
    after = {NOON + (10 + i) * MINUTE: Events(100, 100.0) for i in range(6)}
    state = judge_slo(before | outage | after, TARGET, MONTH, NOON + 16 * MINUTE)
    assert state.burns[0].long_rate > 14.4
    assert (state.burns[0].short_rate, state.burns[0].fires) == (0.0, False)


def test_no_traffic_is_no_alarm() -> None:
    state = judge_slo({}, TARGET, MONTH, NOON)
    assert (state.firing, state.shown, state.end) == (None, None, None)


def test_one_failed_call_in_a_quiet_night_is_no_alarm_and_five_are() -> None:
    for failed, expected in ((1, None), (4, None), (5, (pytest.approx(14.4), True))):
        night = {NOON - (10 * i + 1) * MINUTE: Events(1, 1.0, i < failed, float(i < failed)) for i in range(6)}
        assert firing(night) == expected


def test_a_log_that_comes_late_is_judged_when_it_comes_but_pages_about_no_hour_long_past() -> None:
    outage = traffic(30, bad=100)
    assert firing(outage, NOON + 45 * MINUTE) == (pytest.approx(14.4), True)
    assert firing(outage, NOON + 2 * HOUR) == (pytest.approx(6), True)
    assert firing(outage, NOON + 7 * HOUR) == (pytest.approx(3), False)
    assert judge_slo(outage, TARGET, MONTH, NOON + 4 * DAY).burns == ()


def test_a_call_from_the_future_does_not_move_the_windows() -> None:
    minutes = traffic(60, bad=100) | {NOON + 4 * MINUTE: Events(1, 1.0)}
    assert judge_slo(minutes, TARGET, MONTH, NOON).end == NOON + MINUTE


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=20))
def test_events_are_a_monoid(pairs: list[tuple[int, int]]) -> None:
    events = [Events(a + b, float(a + b), b, float(b)) for a, b in pairs]
    assert total(events) == total(reversed(events)) == total([total(events[:7]), total(events[7:])])


def test_the_budget_left_is_one_minus_the_share_spent() -> None:
    assert budget_left(Events(1000, 1000.0), TARGET) == 1
    assert budget_left(Events(10_000, 10_000.0, 5, 5.0), TARGET) == pytest.approx(0.5)
    assert budget_left(Events(1000, 1000.0, 3, 3.0), TARGET) == pytest.approx(-2)
    assert math.isnan(budget_left(Events(), TARGET))


def test_a_stored_window_tells_both_objectives() -> None:
    latency = LatencySketch.of([10.0] * 90 + [500.0] * 10)
    service = ServiceProfile(100, 100.0, 7, 3, latency)
    assert events_of(service, Objective()) == Events(100, 100.0, 3, 3.0)
    assert events_of(service, Objective(200.0)) == Events(100, 100.0, 10, 10.0)
    assert events_of(ServiceProfile(5, 5.0), Objective(200.0)) == Events()


def test_counters_complete_a_log_and_never_count_a_call_twice() -> None:
    counted = traffic(3, calls=10, bad=2)
    assert add_counted({}, counted) == counted
    assert add_counted(traffic(3, calls=10, bad=1), counted) == traffic(3, calls=10, bad=1)
    assert add_counted(traffic(3, calls=8), counted) == traffic(3, calls=10, bad=2)
