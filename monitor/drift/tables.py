"""Tests on a table of two rows (reference, current) and one column per bin or category."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from monitor.drift.methods import TWO_VALUES, Counts, DriftMethod, Gives, Measured, exactly, unmeasured


def _held(reference: Counts, current: Counts) -> Counts:
    """The table without the bins that are empty on both sides."""
    table = np.stack([reference, current])
    return np.asarray(table[:, table.sum(axis=0) > 0], dtype=np.float64)


def _expected(table: Counts) -> Counts:
    """What independence expects in each cell."""
    by_side, by_bin = table.sum(axis=1), table.sum(axis=0)
    return np.asarray(np.outer(by_side, by_bin) / table.sum(), dtype=np.float64)


def _chi_squared(statistic: float, table: Counts) -> Measured:
    freedom = table.shape[1] - 1
    return exactly(float(special.chdtrc(freedom, statistic)) if freedom else 1.0, statistic)


def _chisquare(reference: Counts, current: Counts) -> Measured:
    table = _held(reference, current)
    expected = _expected(table)
    return _chi_squared(float(((table - expected) ** 2 / expected).sum()), table)


def _g_test(reference: Counts, current: Counts) -> Measured:
    table = _held(reference, current)
    statistic = 2 * float(special.xlogy(table, table / _expected(table)).sum())
    return _chi_squared(max(statistic, 0.0), table)


def _two(reference: Counts, current: Counts) -> Counts | None:
    """The table of the one or two values there are, else None."""
    table = _held(reference, current)
    return np.pad(table, ((0, 0), (0, 2 - table.shape[1]))) if table.shape[1] <= 2 else None


def _z(reference: Counts, current: Counts) -> Measured:
    table = _two(reference, current)
    if table is None:
        return unmeasured("z compares two values; this column has more")
    sizes = table.sum(axis=1)
    shares = table[:, 0] / sizes
    pooled = table[:, 0].sum() / table.sum()
    error = math.sqrt(pooled * (1 - pooled) * float((1 / sizes).sum()))
    statistic = float(shares[0] - shares[1]) / error if error else 0.0
    return exactly(float(2 * special.ndtr(-abs(statistic))), statistic)


def _fisher_exact(reference: Counts, current: Counts) -> Measured:
    table = _two(reference, current)
    if table is None:
        return unmeasured("fisher_exact compares two values; this column has more")
    from scipy.stats import fisher_exact  # slow to import

    if not table[:, 1].any():
        return exactly(1.0, 1.0)  # one value on both sides: no odds to compare
    result = fisher_exact(table.astype(np.int64))
    return exactly(float(result.pvalue), float(result.statistic))


chisquare = DriftMethod(
    "chisquare",
    "Pearson 1900; two samples on the same bins (SciPy's chi2_contingency without correction)",
    gives=Gives.P_VALUE,
    threshold=0.05,
    counts=_chisquare,
)
g_test = DriftMethod(
    "g_test",
    "Wilks 1938: likelihood ratio of two samples on the same bins (SciPy's chi2_contingency, log-likelihood)",
    gives=Gives.P_VALUE,
    counts=_g_test,
)
z = DriftMethod(
    "z",
    "two proportions with a pooled variance, two-sided",
    kinds=TWO_VALUES,
    gives=Gives.P_VALUE,
    threshold=0.05,
    counts=_z,
)
fisher_exact = DriftMethod(
    "fisher_exact",
    "Fisher 1922, two-sided (SciPy's fisher_exact)",
    kinds=TWO_VALUES,
    gives=Gives.P_VALUE,
    counts=_fisher_exact,
)
