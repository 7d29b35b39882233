"""The URL and the view are two spellings of one thing."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import state, words
from dashboards.components import drift
from dashboards.components.badges import plain, quoted
from dashboards.components.filters import whole_windows
from dashboards.state import View, choose, parameters, parse, time_range

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_an_empty_address_asks_for_nothing() -> None:
    assert parse({}) == View()


def test_a_link_of_an_alert_is_read() -> None:
    view = parse({"model": "churn", "feature": "income", "from": "2026-03-01T11:00Z", "to": "2026-03-02T13:00+02:00"})
    assert (view.model, view.feature) == ("churn", "income")
    assert (view.start, view.end) == (T0 + timedelta(hours=11), T0 + timedelta(hours=35))
    assert view.notices == ()


def test_a_plus_sign_that_arrived_as_a_space_is_still_a_time() -> None:
    assert parse({"window": "2026-03-01T02:00 02:00"}).window == T0


@pytest.mark.parametrize(("text", "number"), [("42", 42), ("INC-42", 42)])
def test_an_incident_is_named_by_its_number(text: str, number: int) -> None:
    assert parse({"incident": text}).incident == number


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"from": "-3x"}, "is not a span such as -30d"),
        ({"from": "soon"}, "`from=soon` in the address is not a time"),
        ({"window": "0000"}, "`window=0000` in the address is not a time"),
        ({"incident": "٣"}, "is not a number"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "ends before it begins"),
    ],
)
def test_what_is_not_understood_is_left_out_with_a_notice(params: dict[str, str], words: str) -> None:
    view = parse(params)
    assert len(view.notices) == 1
    assert words in view.notices[0]
    assert (view.start, view.end, view.back, view.window, view.incident) == (None, None, None, None, None)


@given(st.dictionaries(st.sampled_from(state.NAMES), st.text(max_size=60)))
def test_any_address_is_parsed_without_an_error(params: dict[str, str]) -> None:
    view = parse(params)
    start, end = time_range(view, T0, DAY)
    assert start < end


def test_a_view_survives_the_way_through_a_link() -> None:
    params = parameters(model="a b&c", version="7", start=T0, end=T0 + DAY, window=T0, feature="x", incident=3)
    assert parse(params) == View("a b&c", "7", T0, T0 + DAY, None, T0, "x", 3)
    assert parse(parameters(start=30 * DAY)).back == 30 * DAY


def test_ranges_count_back_from_the_latest_data() -> None:
    assert time_range(View(), T0, DAY) == (T0 - DAY, T0)
    assert time_range(View(back=7 * DAY), T0, DAY) == (T0 - 7 * DAY, T0)
    assert time_range(View(start=T0 - 3 * DAY), T0, DAY) == (T0 - 3 * DAY, T0)
    assert time_range(View(start=T0 + DAY), T0, DAY) == (T0 - DAY, T0)


def test_a_span_does_not_begin_before_the_first_data() -> None:
    first = T0 - timedelta(hours=2)
    assert time_range(View(), T0, DAY, first) == (first, T0)
    assert time_range(View(back=7 * DAY), T0, DAY, first) == (first, T0)
    assert time_range(View(), T0, DAY, T0 - 3 * DAY) == (T0 - DAY, T0)
    assert time_range(View(start=T0 - 3 * DAY), T0, DAY, first) == (T0 - 3 * DAY, T0)
    assert time_range(View(end=T0 - 5 * DAY), T0, DAY, first) == (T0 - 6 * DAY, T0 - 5 * DAY)


def test_ranges_grow_to_whole_windows() -> None:
    assert whole_windows(T0 + timedelta(hours=5), T0 + timedelta(hours=30), DAY) == (T0, T0 + 2 * DAY)
    assert whole_windows(T0, T0 + DAY, DAY) == (T0, T0 + DAY)


def test_a_known_name_is_chosen_without_a_notice() -> None:
    assert choose("b", ["a", "b"], "model") == ("b", None)
    assert choose(None, ["a", "b"], "model") == ("a", None)


@pytest.mark.parametrize("module", [state, words, drift])
def test_examples_in_docstrings_are_true(module) -> None:  # type: ignore[no-untyped-def]
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_names_between_backticks_are_code_and_all_else_is_plain() -> None:
    assert quoted("`a*b` moved, _c_ too.") == "`a*b` moved, \\_c\\_ too."
    assert quoted("one ` only") == plain("one ` only")
    assert quoted("`<b>`") == "`<b>`"
