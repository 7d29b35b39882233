"""The row-based methods give what SciPy gives, and stay right where SciPy's own formula does not."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

from monitor.drift import get_method

SIZES = [(5, 7), (60, 90), (900, 1100), (20_000, 15_000)]
TESTS: dict[str, Any] = {
    "ks": stats.ks_2samp,
    "cramer_von_mises": stats.cramervonmises_2samp,
    "anderson": lambda x, y: stats.anderson_ksamp([x, y]),
    "mannwhitney": stats.mannwhitneyu,
    "t_test": stats.ttest_ind,
    "levene": stats.levene,
}


def sides(n: int, m: int, rounded: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng([n, m])
    x, y = random.normal(size=n), random.normal(0.05, 1.1, size=m)
    return (np.round(2 * x), np.round(2 * y)) if rounded else (x, y)


@pytest.mark.parametrize("rounded", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", TESTS)
def test_tests_are_scipys(name: str, size: tuple[int, int], rounded: bool) -> None:
    if name == "cramer_von_mises" and rounded:
        pytest.skip("SciPy's midranks are not the definition; the next test says why")
    x, y = sides(*size, rounded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = TESTS[name](x, y)
    ours = get_method(name).on_rows(x, y)
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert ours.value == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-7 if name == "cramer_von_mises" else 1e-12)


def test_ties_do_not_make_a_cramer_von_mises_alarm_of_unequal_sizes() -> None:
    same = np.zeros(1000)
    assert stats.cramervonmises_2samp(same, same[:100]).pvalue < 0.001
    assert get_method("cramer_von_mises").on_rows(same, same[:100]).value == 1


@pytest.mark.parametrize("rounded", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("size", SIZES)
def test_distances_between_distribution_functions_are_scipys(size: tuple[int, int], rounded: bool) -> None:
    x, y = sides(*size, rounded)
    normed = stats.wasserstein_distance(x, y) / x.std()
    assert get_method("wasserstein").on_rows(x, y).value == pytest.approx(normed, rel=1e-12)
    assert get_method("energy").on_rows(x, y).value == pytest.approx(stats.energy_distance(x, y), rel=1e-12)


def test_tests_on_tables_are_scipys() -> None:
    random = np.random.default_rng(7)
    x = random.choice(list("abcd"), 2000, p=[0.5, 0.3, 0.15, 0.05]).astype(object)
    y = random.choice(list("abcd"), 300, p=[0.4, 0.4, 0.15, 0.05]).astype(object)
    table = [[(side == name).sum() for name in "abcd"] for side in (x, y)]
    plain = stats.chi2_contingency(table, correction=False)
    ratio = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
    assert get_method("chisquare").on_rows(x, y).value == pytest.approx(plain.pvalue, rel=1e-12)
    assert get_method("g_test").on_rows(x, y).value == pytest.approx(ratio.pvalue, rel=1e-9)
    two = [[(side == "a").sum(), (side != "a").sum()] for side in (x, y)]
    flags = [side == "a" for side in (x, y)]
    assert get_method("fisher_exact").on_rows(*flags).value == pytest.approx(stats.fisher_exact(two).pvalue)
    # Two proportions with a pooled variance: their squared z is chi-squared without correction.
    squared = stats.chi2_contingency(two, correction=False)
    assert get_method("z").on_rows(*flags).value == pytest.approx(squared.pvalue, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ks", "wasserstein"])
def test_a_million_rows_cost_no_more_than_twice_numpys_sorts(name: str) -> None:
    x, y = sides(500_000, 500_000)
    method = get_method(name)
    method.on_rows(x[:50], y[:50])
    ours = best_of(lambda: method.on_rows(x, y))
    both = np.concatenate([x, y])
    floor = best_of(lambda: (np.sort(x), np.sort(y), np.argsort(both)))
    assert ours < 2 * floor


def best_of(work: Any) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
