"""Thresholds: what is within bounds, what is out, and what uncertainty explains."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import InvalidValue
from monitor.evaluation.thresholds import Bounds, bounds_of, breaches, is_far_out
from monitor.points import Point, share_point

SURE = Point("auc", 0.8, 1000)
UNSURE = Point("auc", 0.8, 100, low=0.7, high=0.9)
CALM = [0.80, 0.82, 0.78, 0.81, 0.79]
"""Mean 0.8, standard deviation 0.0158."""


@pytest.mark.parametrize(
    ("threshold", "normal", "low", "high"),
    [
        pytest.param({}, CALM, 0.7526, 0.8474, id="three deviations, both ways"),
        pytest.param({"sigmas": 4}, CALM, 0.7368, 0.8632, id="four deviations"),
        pytest.param({"direction": "low"}, CALM, 0.7526, None, id="only a fall matters"),
        pytest.param({"direction": "high"}, CALM, None, 0.8474, id="only a rise matters"),
        pytest.param({"smallest": 0.1}, CALM, 0.7, 0.9, id="the least worth waking somebody for"),
        pytest.param({"share": 0.5}, CALM, 0.4, 1.2, id="a share of what is normal"),
        pytest.param({"share": 0.01, "smallest": 0.01}, CALM, 0.7526, 0.8474, id="the widest of the three counts"),
        pytest.param({}, [0.8] * 5, 0.8, 0.8, id="what never varied may not vary"),
        pytest.param({"without_baseline": 0.5}, CALM, 0.7526, 0.8474, id="a baseline is better than none"),
        pytest.param({"without_baseline": 0.5}, [], None, 0.5, id="no baseline yet, a bound for that"),
    ],
)
def test_bounds_around_what_is_normal(
    threshold: dict[str, Any], normal: list[float], low: float | None, high: float | None
) -> None:
    bounds = bounds_of({"kind": "baseline", **threshold}, SURE, normal)
    assert bounds is not None
    assert (bounds.low, bounds.high) == (low and pytest.approx(low, abs=1e-4), high and pytest.approx(high, abs=1e-4))


def test_few_normal_values_leave_the_points_own_uncertainty_to_say_how_much_is_usual() -> None:
    bounds = bounds_of({"kind": "baseline"}, UNSURE, CALM[:4])
    assert bounds is not None
    assert bounds.allowed == pytest.approx(3 * 0.2 / 3.92)
    assert bounds_of({"kind": "baseline"}, SURE, CALM[:4]) is None  # neither says anything


def test_without_anything_normal_and_without_a_bound_for_that_there_is_nothing_to_compare_with() -> None:
    assert bounds_of({"kind": "baseline"}, UNSURE, []) is None


@pytest.mark.parametrize("kind", ["baseline", "quantile", "relative"])
@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
def test_a_value_that_is_no_number_is_not_normal(kind: str, odd: float) -> None:
    """One label of 1e200 makes the RMSE of a block of the baseline infinite."""
    assert bounds_of({"kind": kind}, SURE, [*CALM, odd]) == bounds_of({"kind": kind}, SURE, CALM)


@pytest.mark.parametrize(
    ("threshold", "said"),
    [
        ({"kind": "magic"}, "kind 'magic' is not known here; accepted: constant, baseline, quantile, relative"),
        ({}, "threshold kind None is not known here; accepted: constant, baseline, quantile, relative"),
        ({"kind": "baseline", "direction": "up"}, "direction 'up' is not known; accepted: low, high, both"),
        ({"kind": "constant"}, "needs low, high or both"),
    ],
)
def test_a_threshold_that_could_never_alarm_is_refused(threshold: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        bounds_of(threshold, SURE, CALM)


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        pytest.param(0.6, 0.5, 0.7, False, id="inside"),
        pytest.param(0.5, 0.5, 0.7, False, id="on the lower bound"),
        pytest.param(0.7, 0.5, 0.7, False, id="on the upper bound"),
        pytest.param(0.49, 0.5, 0.7, True, id="below"),
        pytest.param(0.71, 0.5, 0.7, True, id="above"),
        pytest.param(0.71, 0.5, None, False, id="no upper bound"),
        pytest.param(0.49, None, 0.7, False, id="no lower bound"),
        pytest.param(math.nan, 0.5, 0.7, False, id="not a number"),
        pytest.param(None, 0.5, 0.7, False, id="no value"),
    ],
)
def test_constant_bounds(value: float | None, low: float | None, high: float | None, expected: bool) -> None:
    point = Point("auc", value, 100, low=0.0, high=1.0)
    bounds = bounds_of({"kind": "constant", "low": low, "high": high}, point, [])
    assert bounds == Bounds(low, high)
    assert breaches(point, bounds) is expected
    assert not is_far_out(point, bounds)


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        pytest.param(Point("auc", 0.70, 100, low=0.60, high=0.80), False, id="its interval reaches what is normal"),
        pytest.param(Point("auc", 0.70, 900, low=0.67, high=0.73), True, id="its interval does not"),
        pytest.param(Point("auc", 0.70, 900), True, id="it has no interval"),
        pytest.param(Point("auc", 0.95, 900, low=0.76, high=0.99), False, id="above, but so uncertain"),
        pytest.param(Point("auc", 0.95, 900, low=0.93, high=0.97), True, id="above for sure"),
    ],
)
def test_uncertainty_may_explain_a_deviation(point: Point, expected: bool) -> None:
    bounds = bounds_of({"kind": "baseline", "smallest": 0.05}, point, CALM)
    assert bounds is not None
    assert breaches(point, bounds) is expected


def test_twice_as_far_as_allowed_is_far_out() -> None:
    bounds = Bounds(0.7, 0.9, 0.8, 0.1)
    assert [is_far_out(Point("auc", value, 9), bounds) for value in (0.61, 0.6 - 1e-9, 1.0 + 1e-9)] == [
        False,
        True,
        True,
    ]
    assert not is_far_out(Point("auc", 0.1, 9), Bounds(0.8, 0.8, 0.8, 0.0))
    assert not is_far_out(Point("auc", None, 9), bounds)


values = st.floats(-1e6, 1e6)


@given(
    st.lists(values, max_size=12),
    values,
    st.sampled_from(["low", "high", "both"]),
    st.floats(0, 100),
    st.floats(0, 2),
)
def test_what_is_normal_never_breaches_and_nothing_does_in_the_other_direction(
    normal: list[float], value: float, direction: str, smallest: float, share: float
) -> None:
    point = Point("latency_p95", value, 100, low=value, high=value)
    threshold = {"kind": "baseline", "direction": direction, "smallest": smallest, "share": share}
    bounds = bounds_of(threshold, point, normal)
    if bounds is None:
        assert not normal
        return
    assert bounds.centre is not None
    assert not breaches(Point("latency_p95", bounds.centre, 100), bounds)
    if breaches(point, bounds):
        assert abs(value - bounds.centre) >= smallest
        assert direction in ("both", "low" if value < bounds.centre else "high")


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_error_rate_without_a_baseline_breaches_only_above_its_bound(errors: int, rows: int) -> None:
    point = share_point("error_rate", min(errors, rows), rows)
    bounds = bounds_of({"kind": "baseline", "direction": "high", "without_baseline": 0.05}, point, [])
    assert bounds is not None
    assert breaches(point, bounds) is (point.value is not None and point.value > 0.05)
