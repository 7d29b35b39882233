"""When incidents open, escalate and resolve: a table of cases, and laws that hold for every history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.evaluation import Change, Look, MonitorRule, Severity, Verdict, next_transition

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 4, tzinfo=UTC)
RULE = MonitorRule("m", "auc", HOUR, breaches=2, looks=3, recoveries=2)
LETTERS = {"o": Verdict.OK, "b": Verdict.BREACH, "i": Verdict.INSUFFICIENT, "u": Verdict.UNDEFINED, "B": Verdict.BREACH}


def looks(letters: str) -> list[Look]:
    """o ok, b breach, B critical breach, i insufficient, u undefined; one per hour."""
    return [
        Look(START + i * HOUR, LETTERS[letter], Severity.CRITICAL if letter == "B" else Severity.WARNING)
        for i, letter in enumerate(letters)
    ]


@pytest.mark.parametrize(
    ("history", "active", "change"),
    [
        ("", None, Change.NONE),
        ("b", None, Change.NONE),
        ("ob", None, Change.NONE),
        ("bb", None, Change.OPEN),
        ("bob", None, Change.OPEN),
        ("boob", None, Change.NONE),
        ("bbo", None, Change.NONE),
        ("biib", None, Change.OPEN),
        ("bub", None, Change.OPEN),
        ("iii", None, Change.NONE),
        ("bb", Severity.WARNING, Change.NONE),
        ("bbo", Severity.WARNING, Change.NONE),
        ("bboo", Severity.WARNING, Change.RESOLVE),
        ("bbobo", Severity.WARNING, Change.NONE),
        ("bboio", Severity.WARNING, Change.RESOLVE),
        ("bbi", Severity.WARNING, Change.NONE),
        ("bbii", Severity.WARNING, Change.NONE),
        ("bbBB", Severity.WARNING, Change.ESCALATE),
        ("BB", Severity.CRITICAL, Change.NONE),
        ("bb", Severity.CRITICAL, Change.NONE),
    ],
)
def test_the_change_a_history_asks_for(history: str, active: Severity | None, change: Change) -> None:
    assert next_transition(active, looks(history), RULE).change is change


def test_an_opening_names_the_first_window_in_breach_and_how_many_there_were() -> None:
    opening = next_transition(None, looks("obob"), RULE)
    assert (opening.since, opening.windows_in_breach) == (START + HOUR, 2)


def test_an_incident_is_critical_only_if_the_breaches_that_make_it_are() -> None:
    assert next_transition(None, looks("BB"), RULE).severity is Severity.CRITICAL
    assert next_transition(None, looks("bB"), RULE).severity is Severity.WARNING


def test_recovery_is_dated_to_the_first_good_window() -> None:
    assert next_transition(Severity.WARNING, looks("bboo"), RULE).until == START + 2 * HOUR


def test_two_columns_once_each_are_noise_and_one_column_twice_is_news() -> None:
    def look(hour: int, *columns: str) -> Look:
        return Look(START + hour * HOUR, Verdict.BREACH, Severity.WARNING, columns)

    assert next_transition(None, [look(0, "age"), look(1, "plan")], RULE).change is Change.NONE
    opening = next_transition(None, [look(0, "age", "plan"), look(1, "plan")], RULE)
    assert (opening.change, opening.columns) == (Change.OPEN, ("plan",))


rules = st.integers(1, 5).flatmap(
    lambda looks_: st.builds(
        MonitorRule,
        st.just("m"),
        st.just("auc"),
        st.just(HOUR),
        breaches=st.integers(1, looks_),
        looks=st.just(looks_),
        recoveries=st.integers(1, 4),
    )
)


@given(st.text("obiuB", max_size=60), rules)
def test_no_change_is_ever_made_twice_and_every_resolution_follows_an_opening(history: str, rule: MonitorRule) -> None:
    active: Severity | None = None
    for end in range(1, len(history) + 1):
        seen = looks(history[:end])
        transition = next_transition(active, seen, rule)
        match transition.change:
            case Change.OPEN:
                assert active is None
                assert seen[-1].verdict is not Verdict.OK
                active = transition.severity
            case Change.ESCALATE:
                assert active is Severity.WARNING
                active = Severity.CRITICAL
            case Change.RESOLVE:
                assert active is not None
                active = None
        again = next_transition(active, seen, rule)
        assert again.change is Change.NONE


@given(st.text("ob", max_size=40), rules)
def test_windows_without_enough_rows_change_nothing(history: str, rule: MonitorRule) -> None:
    with_gaps = "".join(letter + "iu" for letter in history)
    for active in (None, Severity.WARNING):
        plain = next_transition(active, looks(history), rule)
        gappy = next_transition(active, looks(with_gaps), rule)
        assert plain.change is gappy.change
