"""Tails of a difference of means: right where a normal approximation is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.drift.saddlepoint import Array, signed_roots


def roots(scores: Array, shares: Array, difference: float, n: int, total: int) -> float:
    columns = [np.array([float(value)]) for value in (difference, n, total)]
    return float(signed_roots(scores[None], shares[None], *columns)[0])


@pytest.mark.parametrize(("share", "n", "hits"), [(0.02, 50, 6), (0.1, 200, 38), (0.5, 1000, 560), (0.3, 400, 85)])
def test_the_tail_of_a_share_is_the_binomials(share: float, n: int, hits: int) -> None:
    """Against a reference so large that it is exact; a lattice's tail lies between those with and without its point."""
    root = roots(np.array([0.0, 1.0]), np.array([1 - share, share]), hits / n - share, n, 10**12)
    upper = hits / n > share
    binomial = stats.binom(n, share)
    with_point = binomial.sf(hits - 1) if upper else binomial.cdf(hits)
    without = binomial.sf(hits) if upper else binomial.cdf(hits - 1)
    assert without < stats.norm.sf(abs(root)) < with_point


def test_a_skewed_score_of_fifty_rows_has_the_tail_that_draws_have() -> None:
    random = np.random.default_rng(3)
    scores, shares = stats.norm.ppf((np.arange(64) + 0.5) / 64) ** 2, np.full(64, 1 / 64)
    windows = scores[random.integers(64, size=(150_000, 50), dtype=np.int8)].mean(axis=1)
    references = random.multinomial(5000, shares, 3000) @ scores / 5000  # 1 % of the variance: each serves fifty times
    drawn = windows - np.tile(references, 50)
    far = float(np.quantile(drawn, 0.9995))
    tail = float(stats.norm.sf(roots(scores, shares, far, 50, 5000)))
    plain = float(stats.norm.sf(far / np.sqrt(scores.var() * (1 / 50 + 1 / 5000))))
    assert 0.0004 < tail < 0.0006
    assert plain < 0.0002


def test_a_score_that_does_not_vary_and_a_value_out_of_reach_are_told() -> None:
    even = np.full(4, 0.25)
    assert roots(np.ones(4), even, 0.0, 100, 1000) == 0.0
    assert 10 < roots(np.array([0.0, 0.0, 0.0, 1.0]), even, 0.75, 100, 1000) <= 40


def test_bins_that_neither_side_fills_are_as_good_as_absent() -> None:
    """A far score of an empty bin once made all other exponents vanish, and the root not a number."""
    scores, shares = np.array([0.0, -0.4, -0.3, 0.2, 9.0]), np.array([0.9, 0.04, 0.03, 0.03, 0.0])
    for scale in (1.0, 100.0):
        scores[-1] *= scale
        there = roots(scores, shares, 0.1, 50, 5000)
        assert there == pytest.approx(roots(scores[:-1], shares[:-1], 0.1, 50, 5000), abs=1e-9)
        assert np.isfinite(there)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12), st.floats(-0.2, 0.2), st.integers(50, 10_000))
def test_the_root_has_the_sign_of_the_difference_and_turns_with_the_score(
    scores: list[float], by: float, n: int
) -> None:
    values = np.array(scores)
    shares = np.full(values.size, 1 / values.size)
    there, back = roots(values, shares, by, n, 5000), roots(-values, shares, -by, n, 5000)
    assert np.isfinite(there)
    assert there * by >= 0
    assert there == pytest.approx(-back, abs=1e-6)
