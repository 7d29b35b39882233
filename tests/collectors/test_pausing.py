"""A source of which everything is bad is paused once, tried now and again, and goes on with the first good record."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import pausing
from collectors.pausing import Change, Pauses
from monitor.config import CollectorSettings

LIMITS = CollectorSettings(pause_after_records=500, pause_after_seconds=10, pause_probe_seconds=30)
START = datetime(2026, 3, 4, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def paused(pauses: Pauses, source: object = "a", begin: float = 0) -> Change:
    assert pauses.note(source, 0, 499, "no id", at(begin)) is None
    change = pauses.note(source, 0, 1, "no model", at(begin + 10))
    assert change is not None
    return change


def test_it_is_said_once_with_the_count_and_the_latest_reason() -> None:
    pauses = Pauses(LIMITS)
    change = paused(pauses)
    assert (change.paused, change.pause.refused, change.pause.reason) == (True, 500, "no model")
    assert pausing.words(change) == (
        "source a is paused: 500 records in a row were refused and none accepted; the latest: no model"
    )
    assert pauses.note("a", 0, 1, "no model", at(41)) is None


@pytest.mark.parametrize(("refused", "after"), [(499, 1000), (100_000, 9.9)])
def test_few_refusals_or_refusals_of_a_moment_pause_nothing(refused: int, after: float) -> None:
    pauses = Pauses(LIMITS)
    pauses.note("a", 0, refused - 1, "bad", at(0))
    assert pauses.note("a", 0, 1, "bad", at(after)) is None
    assert pauses.allows("a", at(after))
    assert pauses.all() == []


def test_one_accepted_record_begins_the_count_anew() -> None:
    pauses = Pauses(LIMITS)
    pauses.note("a", 0, 499, "bad", at(0))
    assert pauses.note("a", 1, 10_000, "bad", at(10)) is None
    assert pauses.note("a", 0, 499, "bad", at(20)) is None


def test_a_paused_source_is_tried_once_per_probe_time() -> None:
    pauses = Pauses(LIMITS)
    paused(pauses)
    asked = [second for second in range(11, 101) if pauses.allows("a", at(second))]
    assert asked == [40, 70, 100]
    (pause,) = pauses.all()
    assert pause.turned_away == 87
    assert pause.retry_after(at(101)) == 29
    assert pause.retry_after(at(500)) == 1


def test_other_sources_are_not_paused() -> None:
    pauses = Pauses(LIMITS)
    paused(pauses, ("10.0.0.7", "churn", "json"))
    assert pauses.allows(("10.0.0.7", "income", "json"), at(11))
    assert pauses.of(("10.0.0.7", "income", "json")) is None


def test_the_first_accepted_record_ends_the_pause_and_it_is_said() -> None:
    pauses = Pauses(LIMITS)
    paused(pauses)
    assert not pauses.allows("a", at(11))
    assert pauses.allows("a", at(40))
    change = pauses.note("a", 1, 0, "", at(40))
    assert change is not None
    assert pausing.words(change) == (
        "source a goes on: a record was accepted; paused since 2026-03-04 12:00:10 UTC, 1 requests were turned away"
    )
    assert pauses.allows("a", at(41))
    assert pauses.all() == []
    assert pauses.note("a", 1, 0, "", at(42)) is None


def test_a_clock_that_was_set_back_does_not_pause_for_years() -> None:
    pauses = Pauses(LIMITS)
    paused(pauses, begin=1e8)
    assert pauses.allows("a", at(0))
    assert not pauses.allows("a", at(1))
    assert pauses.allows("a", at(30))


def test_memory_is_bounded_and_pauses_are_forgotten_last() -> None:
    pauses = Pauses(LIMITS, most_sources=10)
    paused(pauses, "the paused one")
    for number in range(100):
        pauses.note(number, 0, 1, "bad", at(number))
    assert len(pauses._streaks) == 10
    assert pauses.of("the paused one") is not None
    for number in range(10):
        paused(pauses, f"also {number}", 200 + 100 * number)
    assert len(pauses.all()) == 10
    assert pauses.of("the paused one") is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.floats(0, 40), st.sampled_from([0, 0, 0, 0, 1]), st.sampled_from([0, 1, 300])
        ),
        max_size=80,
    )
)
def test_whatever_comes_a_source_that_is_not_paused_is_allowed_and_changes_alternate(
    steps: list[tuple[str, float, int, int]],
) -> None:
    pauses, seconds = Pauses(LIMITS), 0.0
    is_paused = {"a": False, "b": False}
    looked_at: dict[str, datetime] = {}
    for source, waited, accepted, refused in steps:
        seconds += waited
        was = is_paused[source]
        allowed = pauses.allows(source, at(seconds))
        assert allowed or was
        if not allowed:
            continue
        if was:
            assert at(seconds) - looked_at[source] >= timedelta(seconds=30)
        looked_at[source] = at(seconds)
        change = pauses.note(source, accepted, refused, "bad", at(seconds))
        if change is not None:
            assert change.paused is not was
            is_paused[source] = change.paused
        assert (pauses.of(source) is not None) == is_paused[source]
        assert not (accepted and is_paused[source])


def test_examples_in_docstrings_are_true() -> None:
    result = doctest.testmod(pausing)
    assert result.failed == 0
    assert result.attempted
