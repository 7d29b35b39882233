"""Pearson's X2 of two rows of counts: SciPy's value, exact moments, a tail that holds where counts are few."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.drift.homogeneity import chance_moments, chi_squared, pool_bins, pooled, upper_tail

Counts = st.lists(st.integers(1, 40), min_size=2, max_size=8)


@given(Counts, st.data())
def test_the_value_is_scipys(reference: list[int], data: st.DataObject) -> None:
    current = data.draw(st.lists(st.integers(0, 40), min_size=len(reference), max_size=len(reference)).filter(any))
    expected = stats.chi2_contingency([reference, current], correction=False).statistic
    assert chi_squared(np.array(reference, float), np.array(current, float)) == pytest.approx(expected, abs=1e-9)


def test_the_moments_are_those_of_every_table_with_these_margins() -> None:
    columns, n = (3, 4, 2, 5), 6
    total = sum(columns)
    tables = [t for t in product(*(range(c + 1) for c in columns)) if sum(t) == n]
    weights = np.array([np.prod([comb(c, k) for c, k in zip(columns, t, strict=True)]) for t in tables], float)
    weights /= weights.sum()
    values = np.array([chi_squared(np.subtract(columns, t).astype(float), np.array(t, float)) for t in tables])
    mean = float(weights @ values)
    deviation = float(np.sqrt(weights @ (values - mean) ** 2))
    current = np.array([2.0, 1.0, 1.0, 2.0])
    assert total - n == np.subtract(columns, current).sum()
    assert chance_moments(np.array(columns) - current, current) == pytest.approx((mean, deviation), rel=1e-9)


@pytest.mark.parametrize(("bins", "rows"), [(70, 50), (70, 1000), (6, 100), (200, 200)])
def test_a_thousandth_of_calm_windows_is_in_the_last_thousandth(bins: int, rows: int) -> None:
    random = np.random.default_rng([5, bins, rows])
    shares = 1 / random.permutation(np.arange(1, bins + 1)) if bins == 200 else np.ones(bins)
    shares = shares / shares.sum()
    tails = []
    for _ in range(4000):
        before, after = random.multinomial(5000, shares).astype(float), random.multinomial(rows, shares).astype(float)
        groups = pool_bins(before, rows)
        before, after = pooled(before, groups), pooled(after, groups)
        tails.append(upper_tail(chi_squared(before, after), *chance_moments(before, after)))
    assert np.mean(np.array(tails) < 0.001) <= 0.003
    assert np.mean(np.array(tails) < 0.05) <= 0.065


def test_bins_are_pooled_with_their_neighbours_until_five_rows_are_expected() -> None:
    reference = np.array([100.0, 1, 1, 1, 100, 2])
    groups = pool_bins(reference, 205)
    assert groups.tolist() == [0, 1, 1, 1, 1, 1]
    assert pooled(reference, groups).tolist() == [100, 105]


def test_a_large_window_can_not_make_up_for_a_reference_that_knows_few_rows_of_a_bin() -> None:
    assert pool_bins(np.full(8, 5.0), 1_000_000).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_one_bin_and_no_rows_have_nothing_to_tell() -> None:
    assert chance_moments(np.array([50.0]), np.array([20.0])) == (0.0, 0.0)
    assert chance_moments(np.array([50.0, 1.0]), np.array([0.0, 0.0])) == (0.0, 0.0)
