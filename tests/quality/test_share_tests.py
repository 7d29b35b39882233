"""The test of shares: exact where chance is all there is, and lenient where the baseline's own blocks vary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.quality.shares import Share, overdispersion, share_p_value


def test_against_a_large_baseline_it_is_the_binomial_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    reference = Share(1_000_000, 10_000_000)
    for hits, n in ((20, 100), (10, 50), (180, 1000)):
        exact = 2 * float(stats.binom.sf(hits - 1, n, 0.1))
        assert share_p_value(Share(hits, n), reference) == pytest.approx(exact, rel=0.02)


def test_large_counts_agree_with_small_ones_where_they_meet() -> None:
    reference = Share(50_000, 500_000)
    below = share_p_value(Share(2000, 19_300), reference)
    above = share_p_value(Share(2001, 19_309), reference)
    assert above == pytest.approx(below, rel=0.02)


def test_a_baseline_whose_blocks_vary_allows_more() -> None:
    random = np.random.default_rng(1)
    calm = [Share(int(random.binomial(500, 0.1)), 500) for _ in range(20)]
    wild = [Share(int(random.binomial(500, random.uniform(0.0, 0.2))), 500) for _ in range(20)]
    reference, window = Share(1000, 10_000), Share(90, 500)
    assert overdispersion(reference, calm) < 0.01 < overdispersion(reference, wild)
    assert share_p_value(window, reference, calm) < 0.001
    assert share_p_value(window, reference, wild) > 0.05


def test_what_was_never_seen_may_still_occur() -> None:
    assert share_p_value(Share(1, 100), Share(0, 100)) > 0.1
    assert share_p_value(Share(20, 100), Share(0, 10_000)) < 1e-9


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_p_value_is_one(hits: int, misses: int, before: int, without: int) -> None:
    assert 0 <= share_p_value(Share(hits, hits + misses), Share(before, before + without)) <= 1


def test_no_rows_are_no_evidence() -> None:
    assert share_p_value(Share(0, 0), Share(1, 10)) == share_p_value(Share(1, 10), Share(0, 0)) == 1.0
    assert Share(0, 0).value == 0.0
