"""Tests on the order of the values: Kolmogorov-Smirnov, Cramér-von Mises, Mann-Whitney.

From rows they are exact. From profiles the statistic is bounded by what the rows inside each bin could do; the p-value
is that of the estimate, by the statistic's limiting distribution.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from scipy import special

from monitor.drift.methods import NUMERIC, Counts, DriftMethod, Gives, Measured, exactly, unmeasured
from monitor.drift.pooled import BinnedGaps, Pooled
from monitor.profiles import NumericProfile
from monitor.profiles.columns import bin_counts

_EXACT_KS = 10_000
"""SciPy computes the exact p-value up to this many rows on the larger side."""
_LARGE, _FAR, _TERMS = 20_000, 2.2, 5000
_EXACT_CVM = 20
_EXACT_RANKS = 8
_MOST_PAIRS = 20_000_000
"""Beyond so many pairs the exact distribution of ranks takes hundreds of megabytes."""
_TWO_EACH = "cramer_von_mises needs two values on each side"


def _ks_distance(p: Counts, q: Counts) -> float:
    return float(np.abs(np.cumsum(p - q)).max())


def _ks_tail(statistic: float, n: float, m: float) -> float:
    """SciPy's asymptotic p-value: Kolmogorov's distribution for n m / (n + m) values."""
    size = float(np.round(n * m / (n + m)))
    if size > _LARGE and size * statistic**2 > _FAR:
        return min(2 * _smirnov_tail(statistic, size), 1.0)
    from scipy.stats import kstwo  # slow to import

    return float(np.clip(kstwo.sf(statistic, size), 0, 1))


def _smirnov_tail(distance: float, n: float) -> float:
    """Smirnov's one-sided tail (Birnbaum, Tingey 1951): a sum over j < n(1 - distance), which takes SciPy a second.

    For large n its terms are so smooth in j, and so small at both ends, that a few thousand of them give it to 1e-9.
    """
    step = n * (1 - distance) / _TERMS
    j = np.arange(1, _TERMS) * step
    choose = special.gammaln(n + 1) - special.gammaln(j + 1) - special.gammaln(n - j + 1)
    logs = choose + (j - 1) * np.log(distance + j / n) + (n - j) * np.log1p(-distance - j / n)
    return distance * step * float(np.exp(logs).sum())


def _ks_rows(reference: Counts, current: Counts) -> Measured:
    if max(reference.size, current.size) <= _EXACT_KS:
        from scipy.stats import ks_2samp

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where the exact p-value overflows it takes the asymptotic one
            result = ks_2samp(reference, current)
        return exactly(float(result.pvalue), float(result.statistic))
    pooled = Pooled.of(reference, current)
    statistic = float(np.abs(pooled.gaps).max())
    return exactly(_ks_tail(statistic, pooled.n, pooled.m), statistic)


def _ks_profiles(reference: NumericProfile, current: NumericProfile) -> Measured:
    gaps = BinnedGaps.of(bin_counts(reference), bin_counts(current))
    statistic = float(np.abs(gaps.right).max())
    return Measured(
        _ks_tail(statistic, reference.n, current.n), statistic, statistic, max(float(gaps.most.max()), statistic)
    )


def _cvm_rows(reference: Counts, current: Counts) -> Measured:
    if min(reference.size, current.size) < 2:
        return unmeasured(_TWO_EACH)
    pooled = Pooled.of(reference, current)
    if not pooled.has_ties and max(pooled.n, pooled.m) <= _EXACT_CVM:
        from scipy.stats import cramervonmises_2samp

        result = cramervonmises_2samp(reference, current)
        return exactly(float(result.pvalue), float(result.statistic))
    scale = pooled.n * pooled.m / (pooled.n + pooled.m) ** 2
    statistic = scale * float((pooled.rows * pooled.gaps**2).sum())
    return exactly(_cvm_tail(statistic, pooled.n, pooled.m), statistic)


def _cvm_profiles(reference: NumericProfile, current: NumericProfile) -> Measured:
    n, m = reference.n, current.n
    if min(n, m) < 2:
        return unmeasured(_TWO_EACH)
    gaps = BinnedGaps.of(bin_counts(reference), bin_counts(current))
    rows = (gaps.reference + gaps.current) * n * m / (n + m) ** 2
    usual = (gaps.left**2 + gaps.left * gaps.right + gaps.right**2) / 3
    statistic, low, high = (float((rows * square).sum()) for square in (usual, gaps.least**2, gaps.most**2))
    return Measured(_cvm_tail(statistic, n, m), statistic, low, high)


def _cvm_tail(statistic: float, n: float, m: float) -> float:
    """Anderson 1962: the statistic scaled to the limiting distribution's mean and variance."""
    total, product = n + m, n * m
    mean = (1 + 1 / total) / 6
    variance = (total + 1) * (4 * product * total - 3 * (n * n + m * m) - 2 * product) / (180 * total**2 * product)
    scaled = 1 / 6 + (statistic - mean) / math.sqrt(45 * variance)
    return 1.0 if scaled < 0.003 else min(max(1 - _cvm_limit(scaled), 0.0), 1.0)


def _cvm_limit(x: float) -> float:
    """The limiting distribution function of the Cramér-von Mises statistic (Csörgő, Faraway 1996, eq. 1.2)."""
    if x > 50:
        return 1.0
    k = np.arange(int(2 * math.sqrt(20 * x)) + 3)
    y = 4 * k + 1
    q = y**2 / (16 * x)
    weights = np.exp(special.gammaln(k + 0.5) - special.gammaln(k + 1)) * np.sqrt(y)
    return float((weights * np.exp(-q) * special.kv(0.25, q)).sum() / np.sqrt(math.pi**3 * x))


def _mannwhitney_rows(reference: Counts, current: Counts) -> Measured:
    pooled = Pooled.of(reference, current)
    before, after = np.diff(pooled.reference, prepend=0.0), np.diff(pooled.current, prepend=0.0)
    statistic, few = _pairs_above(before, after), min(reference.size, current.size)
    if not pooled.has_ties and few <= _EXACT_RANKS and reference.size * current.size <= _MOST_PAIRS:
        return exactly(_mannwhitney_exact(statistic, reference.size, current.size), statistic)
    return exactly(_mannwhitney_tail(statistic, before, after), statistic)


def _mannwhitney_profiles(reference: NumericProfile, current: NumericProfile) -> Measured:
    before, after = bin_counts(reference), bin_counts(current)
    statistic, open_pairs = _pairs_above(before, after), float((before * after).sum()) / 2
    p = _mannwhitney_tail(statistic, before, after)
    return Measured(p, statistic, statistic - open_pairs, statistic + open_pairs)


def _pairs_above(before: Counts, after: Counts) -> float:
    """Pairs in which the reference's value is above the current one's, ties counting half: U."""
    return float((before * (np.cumsum(after) - after / 2)).sum())


def _mannwhitney_exact(statistic: float, n: int, m: int) -> float:
    """Two-sided: how many of all orders of n and m values have so few pairs one way or the other, ties aside.

    The orders with u pairs are the coefficients of a Gaussian binomial, a product of (1 - q^(many + i)) / (1 - q^i)
    (Andrews 1976). SciPy's own count takes the square of the pairs: minutes for 8 values against 20,000.
    """
    few, many = sorted((n, m))
    orders = np.zeros(int(min(statistic, n * m - statistic)) + 1)
    orders[0] = 1
    for i in range(1, few + 1):
        orders[many + i :] -= orders[: max(orders.size - many - i, 0)].copy()
        for start in range(min(i, orders.size)):
            orders[start::i] = np.cumsum(orders[start::i])
    return min(2 * float(orders.sum()) / math.comb(n + m, few), 1.0)


def _mannwhitney_tail(statistic: float, before: Counts, after: Counts) -> float:
    """Two-sided, normal, corrected for ties and continuity (Mann, Whitney 1947; Lehmann 1975)."""
    n, m, ties = float(before.sum()), float(after.sum()), before + after
    total = n + m
    correction = float((ties**3 - ties).sum()) / (total * (total - 1))
    variance = n * m / 12 * (total + 1 - correction)
    if variance <= 0:
        return math.nan
    further = max(statistic, n * m - statistic) - n * m / 2 - 0.5
    return float(min(2 * special.ndtr(-further / math.sqrt(variance)), 1.0))


ks = DriftMethod(
    "ks",
    "Kolmogorov 1933, Smirnov 1939, two-sided (SciPy's ks_2samp); its distance on bins is the statistic",
    _ks_distance,
    kinds=NUMERIC,
    gives=Gives.P_VALUE,
    threshold=0.05,
    inclusive=True,
    rows=_ks_rows,
    profiles=_ks_profiles,
)
cramer_von_mises = DriftMethod(
    "cramer_von_mises",
    "Anderson 1962 (SciPy's cramervonmises_2samp where no values are equal; ties by the definition, which SciPy's "
    "midranks are not when the sides have different numbers of rows)",
    kinds=NUMERIC,
    gives=Gives.P_VALUE,
    inclusive=True,
    rows=_cvm_rows,
    profiles=_cvm_profiles,
)
mannwhitney = DriftMethod(
    "mannwhitney",
    "Mann, Whitney 1947, two-sided (SciPy's mannwhitneyu)",
    kinds=NUMERIC,
    gives=Gives.P_VALUE,
    threshold=0.05,
    rows=_mannwhitney_rows,
    profiles=_mannwhitney_profiles,
)
