"""What is said to a sender when inbox, disk, flusher or memory are at their limits, and that it recovers by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.pressure import RELEASE, Load, Over, Pressure, judge
from monitor.config import CollectorSettings

LIMITS = CollectorSettings(
    inbox_max_bytes=100 * 2**20,
    max_lag_seconds=100,
    min_free_bytes=1000,
    max_requests_in_flight=8,
    max_bytes_in_flight=2**20,
)
FINE = Load(free_bytes=10**9)


def under(load: Load) -> Pressure:
    pressure = Pressure(LIMITS)
    pressure.measured(load)
    return pressure


def test_nothing_measured_and_nothing_wrong_admits() -> None:
    assert Pressure(LIMITS).decide() is None
    assert under(FINE).decide(7, 2**20 - 1) is None


@pytest.mark.parametrize(
    ("load", "status", "retry", "reason"),
    [
        (replace(FINE, inbox_bytes=100 * 2**20), 503, 5, "the inbox is full: 104857600 bytes wait in it"),
        (replace(FINE, free_bytes=999), 503, 30, "the disk is nearly full: 999 bytes are free; needed: min_free_bytes"),
        (
            replace(FINE, oldest_waiting_seconds=100),
            429,
            20,
            "records wait 100 s for the lake; accepted: up to max_lag",
        ),
        (replace(FINE, oldest_waiting_seconds=9999), 429, 60, "records wait 9999 s"),
    ],
)
def test_each_limit_has_its_status_its_retry_after_and_its_reason(
    load: Load, status: int, retry: int, reason: str
) -> None:
    told = under(load).decide()
    assert told is not None
    assert (told.status, told.retry_after) == (status, retry)
    assert told.reason.startswith(reason)


def test_too_many_requests_or_bytes_in_flight_are_429() -> None:
    many, large = under(FINE).decide(8), under(FINE).decide(1, 2**20)
    assert many is not None
    assert large is not None
    assert (many.status, many.retry_after, large.status) == (429, 1, 429)


def test_a_lone_request_is_let_in_however_large_it_is() -> None:
    assert under(FINE).decide(0, 2**30) is None


def test_a_full_disk_is_said_before_a_full_inbox_and_that_before_the_lag() -> None:
    assert "disk" in str(under(Load(2**30, 1e6, 0)).decide(100))
    assert "inbox" in str(under(replace(FINE, inbox_bytes=2**30, oldest_waiting_seconds=1e6)).decide(100))


def test_what_hovers_at_its_limit_does_not_flap() -> None:
    pressure = Pressure(LIMITS)
    said = []
    for lag in [99, 100, 99, 100, 90, 81, 79, 99, 100]:
        pressure.measured(replace(FINE, oldest_waiting_seconds=lag))
        said.append(pressure.decide() is not None)
    assert said == [False, True, True, True, True, True, False, False, True]


def test_a_disk_recovers_when_a_quarter_more_than_needed_is_free() -> None:
    pressure = under(replace(FINE, free_bytes=999))
    for free, still in ((1000, True), (1249, True), (1250, False), (1000, False)):
        pressure.measured(replace(FINE, free_bytes=free))
        assert (pressure.decide() is not None) is still


def test_no_least_free_space_means_no_look_at_the_disk() -> None:
    pressure = Pressure(LIMITS.model_copy(update={"min_free_bytes": 0}))
    pressure.measured(replace(FINE, free_bytes=0))
    assert pressure.decide() is None


loads = st.builds(Load, st.integers(0, 2**28), st.floats(0, 1000), st.integers(0, 10_000))


@given(st.lists(loads, max_size=30), st.integers(0, 20), st.integers(0, 2**21))
def test_whatever_came_before_a_calm_load_admits_and_an_excess_never_does(
    history: list[Load], requests: int, size: int
) -> None:
    pressure = Pressure(LIMITS)
    for load in history:
        pressure.measured(load)
        told = pressure.decide(requests, size)
        excess = load.inbox_bytes >= LIMITS.inbox_max_bytes or load.free_bytes < LIMITS.min_free_bytes
        assert not (excess and told is None)
        assert told is None or (told.status in (429, 503) and 1 <= told.retry_after <= 60 and told.reason)
    pressure.measured(FINE)
    assert pressure.decide() is None


@given(loads, st.builds(Over, st.booleans(), st.booleans(), st.booleans()))
def test_judging_the_same_load_again_changes_nothing(load: Load, before: Over) -> None:
    over = judge(load, before, LIMITS)
    assert judge(load, over, LIMITS) == over
    assert 0 < RELEASE < 1
