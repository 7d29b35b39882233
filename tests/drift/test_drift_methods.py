"""The row-based methods give what SciPy gives, and stay right where SciPy's own formula does not."""

from __future__ import annotations

import time
import warnings
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial import distance

from monitor.drift import get_method
from monitor.drift.samples import Sample
from monitor.plugins import DRIFT_METHODS
from monitor.schemas import FeatureKind

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


def test_kolmogorov_smirnov_of_many_rows_is_scipys() -> None:
    """Above 20,000 effective rows the tail is a sum of our own; the p-value here is 4e-7."""
    x, y = (np.random.default_rng(0).permutation(50_000) + by for by in (0, 0.018 * 50_000))
    ours, theirs = get_method("ks").on_rows(x, y), stats.ks_2samp(x, y)
    assert theirs.pvalue < 1e-6
    assert (ours.statistic, ours.value) == (pytest.approx(theirs.statistic), pytest.approx(theirs.pvalue, rel=1e-9))


@pytest.mark.parametrize("size", [(3, 4), (8, 8), (8, 300), (1, 40), (400, 2)])
def test_ranks_of_few_rows_are_scipys(size: tuple[int, int]) -> None:
    x, y = sides(*size)
    assert get_method("mannwhitney").on_rows(x, y + 1).value == pytest.approx(stats.mannwhitneyu(x, y + 1).pvalue)


def test_ranks_of_one_row_against_many_are_exact_at_once() -> None:
    """SciPy's count takes minutes here. The third smallest of 50,001: six of the 50,001 places are as far out."""
    measured = get_method("mannwhitney").on_rows(np.arange(50_000), [1.5])
    assert measured.value == pytest.approx(6 / 50_001)


@pytest.mark.parametrize("values", [(0.0, 0.2), (0.1, 0.7)])
def test_rounding_of_two_values_is_no_change_of_spread(values: tuple[float, float]) -> None:
    """All lie equally far from their median; SciPy's F is 3,000 for the digits that rounding leaves."""
    x, y = np.tile(values, 1000), np.tile(values, 3001)
    with np.errstate(all="ignore"):
        assert stats.levene(x, y).pvalue < 1e-9
    measured = get_method("levene").on_rows(x, y)
    assert np.isnan(measured.value)
    assert "there is no spread to compare" in measured.reason
    assert get_method("levene").on_rows(x, 2 * y).value == 0


def test_values_whose_squares_vanish_have_a_reason() -> None:
    x = np.append(np.zeros(100), 4e-162)
    assert get_method("t_test").on_rows(x, x).reason
    assert get_method("levene").on_rows([0, 2.3e-162], [0, 2e-162, 0, 1e-162]).reason


@pytest.mark.parametrize("name", TESTS)
def test_days_times_and_durations_are_compared_as_seconds(name: str) -> None:
    x, y = (np.round(86_400 * 30 * side) * 1.0 for side in sides(60, 90))
    plain = get_method(name).on_rows(x, y)
    for unit in ("datetime64[s]", "timedelta64[s]"):
        assert get_method(name).on_rows(x.astype(unit), y.astype(unit)) == plain
    zoned = [
        pd.Series(side.astype("datetime64[s]")).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo") for side in (x, y)
    ]
    assert get_method(name).on_rows(*zoned) == plain


def test_days_as_objects_are_times_whatever_their_year() -> None:
    days = [date(1066, 10, 14), date(2026, 1, 1), None, date(9999, 12, 31)]
    sample = Sample.of(np.array(days, dtype=object))
    assert (sample.kind, sample.is_time, sample.missing) == (FeatureKind.NUMERIC, True, 1)
    assert sample.values[1] == datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_distances_on_bins_are_scipys() -> None:
    """Shares above the floor, so that PSI and the divergence are those of the textbook."""
    p, q = np.array([50.0, 30, 15, 5]), np.array([20.0, 40, 30, 10])
    p_shares, q_shares = p / p.sum(), q / q.sum()
    expected = {
        "kl_div": stats.entropy(p, q),
        "psi": stats.entropy(p, q) + stats.entropy(q, p),
        "hellinger": distance.euclidean(np.sqrt(p_shares), np.sqrt(q_shares)) / np.sqrt(2),
        "tvd": distance.cityblock(p_shares, q_shares) / 2,
        "linf": distance.chebyshev(p_shares, q_shares),
        "jensenshannon": distance.jensenshannon(p, q),
        "ks": np.abs(np.cumsum(p_shares - q_shares)).max(),
    }
    assert set(expected) == {name for name in DRIFT_METHODS.names() if get_method(name).distance}
    for name, value in expected.items():
        assert get_method(name)(p, q) == pytest.approx(value, rel=1e-12), name


def test_an_empty_bin_counts_as_the_floor() -> None:
    p, q = np.array([1.0, 0.0]), np.array([0.9, 0.1])
    assert get_method("psi")(p, q) == pytest.approx(0.1 * np.log(1 / 0.9) + (0.1 - 1e-4) * np.log(0.1 / 1e-4))


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
