"""Every drift method keeps what it declares: zero for equal sides, bounds, symmetry, invariances, always an answer."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon as scipy_jensenshannon

from monitor.baselines import category_bins, numeric_bins
from monitor.drift import DriftMethod, get_method
from monitor.drift.methods import Gives, Measured, Unchanged
from monitor.errors import ConfigError
from monitor.plugins import DRIFT_METHODS
from monitor.profiles import CategoricalProfile, NumericProfile
from monitor.schemas import FeatureKind

METHODS = [get_method(name) for name in DRIFT_METHODS.names()]
ON_BINS = [method for method in METHODS if method.distance is not None]
NUMERIC = [method for method in METHODS if FeatureKind.NUMERIC in method.kinds]
CATEGORICAL = [method for method in METHODS if FeatureKind.CATEGORICAL in method.kinds]
BOOLEAN = [method for method in METHODS if FeatureKind.BOOLEAN in method.kinds]

counts = st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(sum).map(lambda c: np.array(c, dtype=float))
# Multiples of 1/4: moved and scaled by powers of two they stay exact, so that ties stay ties.
quarters = st.integers(-400, 400).map(lambda i: i / 4)
columns = st.lists(quarters, min_size=4, max_size=60).map(np.array).filter(lambda c: np.unique(c).size > 1)
words = st.lists(st.sampled_from("ab"), min_size=1, max_size=30).map(lambda c: np.array(c, dtype=object))


def every(methods: list[DriftMethod]) -> Any:
    return pytest.mark.parametrize("method", methods, ids=lambda method: method.name)


def assert_within(method: DriftMethod, measured: Measured) -> None:
    if math.isnan(measured.value):
        assert measured.reason
        return
    assert not measured.reason
    assert 0 <= measured.value <= (method.largest if method.gives is Gives.DISTANCE else 1) + 1e-9
    assert measured.low - 1e-9 <= measured.statistic <= measured.high + 1e-9


@every(METHODS)
def test_every_method_says_what_it_is(method: DriftMethod) -> None:
    assert method is get_method(method.name)
    assert method.source
    assert method.kinds <= set(FeatureKind)
    assert method.largest > 0
    assert method.gives is Gives.DISTANCE or 0 < method.threshold < 1


@given(a=counts, b=counts)
def test_distances_on_bins_keep_zero_bounds_and_symmetry(a: np.ndarray, b: np.ndarray) -> None:
    for method in ON_BINS:
        assert method(a, a) == pytest.approx(0, abs=1e-7)
        assert method(a, 3 * a) == pytest.approx(0, abs=1e-7)
        assert 0 <= method(a, b) <= method.largest + 1e-9
        if method.symmetric:
            assert method(a, b) == pytest.approx(method(b, a))


@every([method for method in ON_BINS if FeatureKind.CATEGORICAL in method.kinds])
def test_where_bins_have_no_order_it_does_not_matter(method: DriftMethod) -> None:
    a, b, order = np.array([5.0, 0, 2, 9]), np.array([1.0, 7, 2, 3]), [2, 0, 3, 1]
    assert method(a, b) == pytest.approx(method(a[order], b[order]))


@every(METHODS)
def test_no_rows_on_one_side_has_no_distance(method: DriftMethod) -> None:
    assert math.isnan(method(np.zeros(3), np.ones(3)))
    assert math.isnan(method(np.ones(3), np.zeros(3)))


@settings(max_examples=40)
@given(a=columns, b=columns)
def test_numbers_keep_zero_bounds_and_symmetry(a: np.ndarray, b: np.ndarray) -> None:
    for method in NUMERIC:
        assert_within(method, method.on_rows(a, b))
        same = method.on_rows(a, a)
        assert_within(method, same)
        if method.gives is Gives.DISTANCE:
            assert same.value == pytest.approx(0, abs=1e-7)
        assert not method.drifted(same.value)
        # Distances in bins take the bins of the reference, so that only tests and ordered distances are compared here.
        if method.symmetric and method.rows is not None:
            assert method.on_rows(b, a).value == pytest.approx(method.on_rows(a, b).value, nan_ok=True)


@settings(max_examples=40)
@given(a=words, b=words)
def test_texts_keep_zero_bounds_and_symmetry(a: np.ndarray, b: np.ndarray) -> None:
    for method in CATEGORICAL:
        assert_within(method, method.on_rows(a, b))
        same = method.on_rows(a, a)
        assert same.value == pytest.approx(0 if method.gives is Gives.DISTANCE else 1, abs=1e-7)
        assert not method.drifted(same.value)
        if method.symmetric and set(a) == set(b):
            assert method.on_rows(b, a).value == pytest.approx(method.on_rows(a, b).value)


@settings(max_examples=40)
@given(a=columns, b=columns)
def test_declared_invariances_hold(a: np.ndarray, b: np.ndarray) -> None:
    for method in NUMERIC:
        value = method.on_rows(a, b).value
        moved = {Unchanged.INCREASING: lambda x: np.exp2(x / 32) * 8 + x, Unchanged.AFFINE: lambda x: 8 * x + 64}
        change = moved.get(method.unchanged_by, lambda x: x + 64)
        assert method.on_rows(change(a), change(b)).value == pytest.approx(value, rel=1e-6, abs=1e-9, nan_ok=True)


@settings(max_examples=60)
@given(a=columns, b=columns)
def test_profiles_and_rows_agree_within_the_stated_bound(a: np.ndarray, b: np.ndarray) -> None:
    edges = tuple(np.unique(a)[:: max(1, np.unique(a).size // 6)].tolist())  # few bins, so that the bounds matter
    before, after = NumericProfile.of(a, edges), NumericProfile.of(b, edges)
    for method in NUMERIC:
        measured = method.on_profiles(before, after)
        assert_within(method, measured)
        if method.rows is None or math.isnan(measured.statistic):
            continue
        exact = method.on_rows(a, b).statistic
        if not math.isnan(exact):
            slack = 1e-9 * max(1.0, abs(exact))
            assert measured.low - slack <= exact <= measured.high + slack, method.name


@every([method for method in NUMERIC if method.profiles])
def test_the_stated_bound_shrinks_with_the_bins(method: DriftMethod) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=5000), random.normal(0.3, 1.2, size=4000)
    widths = []
    for bins in (64, 256):
        edges = np.quantile(a, np.linspace(0, 1, bins + 1)[1:-1])
        measured = method.on_profiles(NumericProfile.of(a, edges), NumericProfile.of(b, edges))
        widths.append(measured.high - measured.low)
    assert widths[1] <= 0.4 * widths[0] < math.inf


@settings(max_examples=50)
@given(a=columns, b=columns)
def test_on_the_baselines_own_bins_profiles_give_what_rows_give(a: np.ndarray, b: np.ndarray) -> None:
    edges = numeric_bins(a).edges
    before, after = NumericProfile.of(a, edges), NumericProfile.of(b, edges)
    for method in NUMERIC:
        if method.rows is None:
            assert method.on_profiles(before, after) == method.on_rows(a, b)


@settings(max_examples=50)
@given(a=words, b=words)
def test_categorical_profiles_give_what_rows_give(a: np.ndarray, b: np.ndarray) -> None:
    names, seen = np.unique(a.astype(str), return_counts=True)
    categories = category_bins(dict(zip(names.tolist(), seen.tolist(), strict=True))).categories
    before, after = CategoricalProfile.of(a, categories), CategoricalProfile.of(b, categories)
    for method in CATEGORICAL:
        assert method.on_profiles(before, after) == method.on_rows(a, b)


ODD: dict[str, Any] = {
    "empty": [],
    "all missing": [math.nan, math.nan],
    "None": [None, None, None],
    "infinite": [math.inf, -math.inf],
    "constant": [3.0] * 30,
    "another constant": [4.0] * 7,
    "one value": [1.0],
    "huge": [1e308, -1e308, 1e307],
    "tiny": [5e-324, 0.0, 1e-300],
    "some infinite": [1.0, 2.0, math.inf, math.nan, 5.0],
    "texts": np.array(["a", "b", None, "a"], dtype=object),
    "one text": np.array(["a"] * 5, dtype=object),
    "booleans": [True, False, True],
    "mixed": np.array([1, "a", None, 2.5], dtype=object),
    "times": np.array(["2026-01-01", "2026-01-02", "NaT"], dtype="datetime64[s]"),
    "objects": np.array([object(), object()], dtype=object),
}


@every(METHODS)
def test_odd_columns_have_a_value_or_a_reason(method: DriftMethod) -> None:
    for before, after in product(ODD.values(), ODD.values()):
        assert_within(method, method.on_rows(before, after))


@every(NUMERIC)
def test_odd_profiles_have_a_value_or_a_reason(method: DriftMethod) -> None:
    numbers = [np.array(side, dtype=float) for side in ODD.values() if np.asarray(side).dtype.kind == "f"]
    for before, after in product(numbers, numbers):
        edges = numeric_bins(before).edges
        assert_within(method, method.on_profiles(*(NumericProfile.of(side, edges) for side in (before, after))))


def test_profiles_that_cannot_be_compared_have_a_reason() -> None:
    numeric = NumericProfile.of(np.array([1.0, 2.0]), [1.0])
    other = NumericProfile.of(np.array([1.0, 2.0]), [1.5])
    texts = CategoricalProfile.of(["a"], ["a"])
    for method in METHODS:
        assert method.on_profiles(numeric, texts).reason
        assert method.on_profiles(numeric, other).reason
        assert method.on_profiles(NumericProfile.zero([1.0]), numeric).reason in {
            "the reference side has no values",
            f"{method.name} compares boolean, categorical columns; the current side is numeric",
        }


def test_a_threshold_is_passed_in_the_methods_own_direction() -> None:
    assert get_method("psi").drifted(0.1)
    assert not get_method("psi").drifted(0.1, threshold=0.2)
    assert not get_method("energy").drifted(0.1)
    assert get_method("ks").drifted(0.05)
    assert not get_method("t_test").drifted(0.05)
    assert get_method("t_test").drifted(0.04)
    assert not any(method.drifted(math.nan) for method in METHODS)


def test_booleans_dates_and_numbers_as_objects_are_read() -> None:
    assert get_method("z").on_rows([True, False], [True, True]).value < 1
    days = np.array(["2026-01-01", "2026-01-02", "2026-01-03"], dtype="datetime64[D]")
    assert get_method("t_test").on_rows(days, days + 5).value < 0.05
    assert get_method("ks").on_rows(np.array([1, 2, None], dtype=object), [1.0, 2.0]).value == 1
    assert "changed its kind" in get_method("psi").on_rows([1.0, 2.0], np.array(["a"], dtype=object)).reason


@given(a=counts, b=counts)
def test_jensenshannon_is_scipys(a: np.ndarray, b: np.ndarray) -> None:
    assert get_method("jensenshannon")(a, b) == pytest.approx(float(scipy_jensenshannon(a, b)), abs=1e-7)


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="hellinger, jensenshannon, kl_div"):
        get_method("vibes")
