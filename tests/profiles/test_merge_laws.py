"""Profiles are monoids: merging is associative and order-free, zero is neutral, and a merge equals profiling it all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import InvalidValue
from monitor.profiles import (
    CategoricalProfile,
    LabelledProfile,
    LatencySketch,
    NumericProfile,
    ServiceProfile,
    WindowProfile,
    decode_profile,
    encode_profile,
)

EDGES = (-10.0, 0.0, 0.5, 3.0, 100.0)
numbers = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf), st.just(-math.inf)), max_size=40
)
words = st.lists(st.one_of(st.none(), st.sampled_from("abcd")), max_size=40)
latencies = st.lists(st.floats(1e-3, 1e6), max_size=40)


def numeric(values: list[float]) -> NumericProfile:
    return NumericProfile.of(np.array(values, dtype=np.float64), EDGES)


def window(values: list[float], categories: list[str | None], times: list[float]) -> WindowProfile:
    return WindowProfile(
        ServiceProfile(len(values), 2.0 * len(values), 1, 0, LatencySketch.of(times)),
        {"age": numeric(values), "plan": CategoricalProfile.of(categories, ("a", "b"))},
        numeric(values),
        {"age": 1},
        LabelledProfile(1, 2, {"1": {"0": len(values)}}),
        {"1": len(values)},
    )


windows = st.builds(window, numbers, words, latencies)


def assert_same(a: NumericProfile, b: NumericProfile) -> None:
    assert (a.edges, a.counts, a.missing, a.infinite, a.low, a.high) == (
        b.edges,
        b.counts,
        b.missing,
        b.infinite,
        b.low,
        b.high,
    )
    scale = max(abs(a.low or 0.0), abs(a.high or 0.0), 1.0)
    assert a.mean == pytest.approx(b.mean, abs=1e-9 * scale)
    assert a.m2 == pytest.approx(b.m2, abs=1e-7 * scale**2)


@given(numbers, numbers)
def test_merging_numeric_profiles_equals_profiling_all_values(left: list[float], right: list[float]) -> None:
    assert_same(numeric(left).merge(numeric(right)), numeric(left + right))


@given(numbers, numbers, numbers)
def test_numeric_merge_is_associative_and_order_free(a: list[float], b: list[float], c: list[float]) -> None:
    x, y, z = numeric(a), numeric(b), numeric(c)
    assert_same(x.merge(y).merge(z), x.merge(y.merge(z)))
    assert_same(x.merge(y), y.merge(x))
    assert_same(x.merge(NumericProfile.zero(EDGES)), x)


@pytest.mark.parametrize("value", [1e160, -1e200, 1e300, 0.0, -0.0])
def test_a_window_without_rows_changes_nothing_however_large_the_values_are(value: float) -> None:
    x, nothing = numeric([value, value]), numeric([math.nan, math.inf])
    for merged in (x.merge(nothing), nothing.merge(x)):
        assert (merged.mean, merged.m2) == (x.mean, x.m2) == (value, 0.0)
        assert (merged.n, merged.missing, merged.infinite) == (2, 1, 1)
    assert x.merge(NumericProfile.zero(EDGES)) == x == NumericProfile.zero(EDGES).merge(x)


@given(numbers)
def test_every_value_is_counted_exactly_once(values: list[float]) -> None:
    assert numeric(values).rows == len(values)


@given(words, words)
def test_merging_categorical_profiles_equals_profiling_all_values(
    left: list[str | None], right: list[str | None]
) -> None:
    categories = ("a", "b")
    merged = CategoricalProfile.of(left, categories).merge(CategoricalProfile.of(right, categories))
    assert merged == CategoricalProfile.of(left + right, categories)
    assert merged.rows == len(left) + len(right)


@given(latencies, latencies)
def test_merging_sketches_equals_sketching_all_latencies(left: list[float], right: list[float]) -> None:
    assert LatencySketch.of(left).merge(LatencySketch.of(right)) == LatencySketch.of(left + right)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_sketch_quantiles_are_within_one_percent(times: list[float], q: float) -> None:
    true = sorted(times)[int(q * (len(times) - 1))]
    assert LatencySketch.of(times).quantile(q) == pytest.approx(true, rel=0.0101)


@given(windows, windows, windows)
def test_window_merge_is_associative(a: WindowProfile, b: WindowProfile, c: WindowProfile) -> None:
    left, right = a.merge(b).merge(c), a.merge(b.merge(c))
    assert left.service == right.service
    assert left.labelled == right.labelled
    assert left.versions == right.versions
    assert left.type_errors == right.type_errors
    assert left.columns["plan"] == right.columns["plan"]
    assert_same(left.columns["age"], right.columns["age"])  # type: ignore[arg-type]


@given(windows)
def test_a_stored_window_reads_back_equal(profile: WindowProfile) -> None:
    assert decode_profile(encode_profile(profile)) == profile
    assert profile.merge(WindowProfile()).service == profile.service


def test_profiles_on_different_bins_refuse_to_merge() -> None:
    with pytest.raises(InvalidValue, match="different bins"):
        NumericProfile.zero((1.0,)).merge(NumericProfile.zero((2.0,)))
    with pytest.raises(InvalidValue, match="different categories"):
        CategoricalProfile.zero(("a",)).merge(CategoricalProfile.zero(("b",)))
    with pytest.raises(TypeError, match="not profiles of one column"):
        WindowProfile(columns={"x": NumericProfile.zero((1.0,))}).merge(
            WindowProfile(columns={"x": CategoricalProfile.zero(("a",))})
        )


def test_quantiles_interpolate_inside_bins_and_stay_in_range() -> None:
    profile = NumericProfile.of(np.arange(0.0, 101.0), (25.0, 50.0, 75.0))
    assert profile.quantile(0.5) == pytest.approx(50, abs=1)
    assert profile.quantile(0.0) == 0.0
    assert profile.quantile(1.0) == 100.0
    assert math.isnan(NumericProfile.zero((1.0,)).quantile(0.5))
