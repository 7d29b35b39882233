"""The Anderson-Darling test of two samples. It needs rows: bins tell too little of the tails it looks at."""

from __future__ import annotations

import math

import numpy as np

from monitor.drift.methods import NUMERIC, Counts, DriftMethod, Gives, Measured, exactly, unmeasured
from monitor.drift.pooled import Pooled


def _anderson_rows(reference: Counts, current: Counts) -> Measured:
    if reference.size + current.size < 4:
        return unmeasured("anderson needs four values")
    pooled = Pooled.of(reference, current)
    if pooled.values.size < 2:
        return unmeasured("anderson needs two different values; all are the same")
    statistic = _anderson_statistic(pooled)
    return exactly(_anderson_tail(statistic), statistic)


def _anderson_statistic(pooled: Pooled) -> float:
    """Scholz, Stephens 1987, eq. 7 (ties at their midranks), standardised as in eq. 4; two samples."""
    n, m, ties, gaps = pooled.n, pooled.m, pooled.rows, pooled.gaps
    total = n + m
    ranks = np.cumsum(ties) - ties / 2
    middle = (gaps + np.concatenate([[0.0], gaps[:-1]])) / 2
    terms = ties * n * m * middle**2 / (ranks * (total - ranks) - total * ties / 4)
    squared = float(terms[np.isfinite(terms)].sum()) * (total - 1) / total
    return (squared - 1) / math.sqrt(_anderson_variance(n, m))


def _anderson_variance(n: float, m: float) -> float:
    total = n + m
    inverse = np.cumsum(1 / np.arange(total - 1, 1, -1))
    h, sizes = float(inverse[-1]) + 1, 1 / n + 1 / m
    g = float((inverse / np.arange(2, total)).sum())
    a = 4 * g - 6 + (10 - 6 * g) * sizes
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * sizes - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * sizes + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    numerator = ((a * total + b) * total + c) * total + d
    return float(numerator / ((total - 1) * (total - 2) * (total - 3)))


def _anderson_tail(statistic: float) -> float:
    """The p-value, interpolated between the points of Scholz and Stephens' table 2: within [0.001, 0.25]."""
    levels = np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
    b0 = np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
    b1 = np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
    b2 = np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])
    critical = b0 + b1 + b2
    if statistic < critical[0]:
        return float(levels[0])
    if statistic > critical[-1]:
        return float(levels[-1])
    return float(np.exp(np.polyval(np.polyfit(critical, np.log(levels), 2), statistic)))


anderson = DriftMethod(
    "anderson",
    "Anderson, Darling 1952; Scholz, Stephens 1987, midranks (SciPy's anderson_ksamp): p-values within [0.001, 0.25]",
    largest=0.25,
    kinds=NUMERIC,
    gives=Gives.P_VALUE,
    rows=_anderson_rows,
)
