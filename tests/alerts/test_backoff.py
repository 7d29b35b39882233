"""The schedule of retries."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from alerts.backoff import MESSAGES, RESPONSES, Backoff

STEADY = Backoff(first=timedelta(seconds=5), longest=timedelta(hours=1), attempts=34, jitter=0)


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [(1, 5), (2, 10), (3, 20), (4, 40), (10, 2560), (11, 3600), (33, 3600), (34, None), (1000, None)],
)
def test_waits_double_up_to_an_hour_and_end(attempt: int, seconds: float | None) -> None:
    wait = STEADY.wait(attempt, Random(0))
    assert wait == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(("schedule", "low", "high"), [(MESSAGES, 23, 26), (RESPONSES, 0.9, 1.4)])
def test_how_long_it_is_tried(schedule: Backoff, low: float, high: float) -> None:
    rng, total, attempt = Random(7), timedelta(), 1
    while (wait := schedule.wait(attempt, rng)) is not None:
        total, attempt = total + wait, attempt + 1
    assert attempt == schedule.attempts
    assert timedelta(hours=low) < total < timedelta(hours=high)


def test_jitter_spreads_the_waits_within_its_bounds() -> None:
    waits = {MESSAGES.wait(3, Random(seed)) for seed in range(50)}
    assert len(waits) == 50
    assert all(timedelta(seconds=16) <= wait <= timedelta(seconds=24) for wait in waits if wait is not None)


def test_the_receiver_is_not_asked_earlier_than_it_said() -> None:
    assert STEADY.wait(1, Random(0), retry_after=90) == timedelta(seconds=90)
    assert STEADY.wait(6, Random(0), retry_after=90) == timedelta(seconds=160)
