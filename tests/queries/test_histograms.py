"""Bars made of frozen bins keep every row and show the shape that the rows had."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines import CategoryBins, category_bins, numeric_bins
from monitor.profiles import CategoricalProfile, NumericProfile
from monitor.queries.histograms import EMPTY, histogram


def test_quantile_bins_show_the_shape_and_not_equal_bars() -> None:
    values = np.random.default_rng(1).normal(0, 1, 20_000)
    bins = numeric_bins(values)
    bars = histogram(bins, NumericProfile.of(values, bins.edges), None)
    middle, edge = bars.reference[len(bars.reference) // 2], bars.reference[1]
    assert middle > 5 * edge
    assert set(bars.current) == {0.0}


def test_a_column_that_left_the_bins_is_drawn_where_it_went() -> None:
    random = np.random.default_rng(2)
    bins = numeric_bins(random.normal(0, 1, 20_000))
    reference = NumericProfile.of(random.normal(0, 1, 20_000), bins.edges)
    current = NumericProfile.of(random.normal(4, 1, 20_000), bins.edges)
    bars = histogram(bins, reference, current)
    peak = int(np.argmax(bars.current))
    assert bars.edges[peak] == pytest.approx(4, abs=0.8)


def test_few_whole_values_keep_their_names_and_new_ones_are_shown_apart() -> None:
    bins = numeric_bins(np.array([1.0, 2.0, 2.0, 3.0]))
    reference = NumericProfile.of(np.array([1.0, 2.0, 2.0, 3.0]), bins.edges)
    bars = histogram(bins, reference, NumericProfile.of(np.array([3.0, 9.0]), bins.edges))
    assert bars.labels == ("1", "2", "3", "> 3")
    assert bars.reference == (0.25, 0.5, 0.25, 0.0)
    assert bars.current == (0.0, 0.0, 0.5, 0.5)


def test_categories_come_most_frequent_first_with_unseen_ones_apart() -> None:
    bins = category_bins({"a": 1, "b": 3})
    bars = histogram(bins, CategoricalProfile.of(["a", "b", "b", "b"], bins.categories),
                     CategoricalProfile.of(["b", "z"], bins.categories))  # fmt: skip
    assert bars.labels == ("b", "a", "never seen before")
    assert bars.current == (0.5, 0.0, 0.5)


def test_many_categories_are_cut_to_the_most_frequent_and_the_rest() -> None:
    names = tuple(f"c{index:03}" for index in range(100))
    profile = CategoricalProfile(names, tuple(range(100, 0, -1)))
    bars = histogram(CategoryBins(names), profile, profile, most=12)
    assert len(bars.labels) == 11
    assert bars.labels[-1] == "90 others"
    assert sum(bars.reference) == pytest.approx(1)


@pytest.mark.parametrize("values", [[], [5.0], [5.0] * 50, [float("nan")], [float("inf"), 1.0]])
def test_columns_without_spread_or_values_have_bars_that_can_be_drawn(values: list[float]) -> None:
    array = np.array(values)
    bins = numeric_bins(array)
    profile = NumericProfile.of(array, bins.edges)
    bars = histogram(bins, profile, profile)
    assert len(bars.labels) == len(bars.reference) == len(bars.current)
    assert sum(bars.reference) == pytest.approx(1 if profile.n else 0)


def test_nothing_known_gives_no_bars() -> None:
    assert histogram(numeric_bins(np.array([])), None, None) == EMPTY


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300),
)
def test_shares_are_never_negative_and_sum_to_one(before: list[float], after: list[float]) -> None:
    bins = numeric_bins(np.array(before))
    bars = histogram(
        bins, NumericProfile.of(np.array(before), bins.edges), NumericProfile.of(np.array(after), bins.edges)
    )
    for shares in (bars.reference, bars.current):
        assert min(shares) >= -1e-12
        assert sum(shares) == pytest.approx(1)
