"""Whether two sets of counts are of the same shares, whatever the kind of change: Pearson's X2 with exact moments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


LEAST_EXPECTED = 5.0
# Bins are made of the reference's own rows: of fewer than these it knows too little of a bin's share.
LEAST_KNOWN = 20.0


def pool_bins(reference: Array, n: float, least: float = LEAST_EXPECTED) -> NDArray[np.int64]:
    """The group of each bin: neighbours are pooled until a window of n rows is expected to have `least` rows in each
    group (Cochran 1954), and the reference has twenty. Never by size: the smallest counts of a sample are smaller than
    their true shares."""
    needed = max(least * reference.sum() / n, LEAST_KNOWN)
    groups, group, held = np.zeros(reference.size, dtype=np.int64), 0, 0.0
    for at, rows in enumerate(reference.tolist()):
        if held >= needed:
            group, held = group + 1, 0.0
        groups[at] = group
        held += rows
    if held < needed and group:
        groups[groups == group] = group - 1
    return groups


def pooled(counts: Array, groups: NDArray[np.int64]) -> Array:
    """Counts per group."""
    return np.bincount(groups, weights=counts).astype(np.float64)


def chi_squared(reference: Array, current: Array) -> float:
    """Pearson's X2 of the two rows of counts; bins that both leave empty don't count."""
    n, total = current.sum(), reference.sum()
    both = reference + current
    used = both > 0
    expected = both[used] * (n / (n + total))
    return float(((current[used] - expected) ** 2 / expected).sum() * (n + total) / total)


def chance_moments(reference: Array, current: Array) -> tuple[float, float]:
    """Mean and standard deviation of X2 when the two differ by chance only, given all margins (Haldane 1940).

    Derived from the factorial moments of the hypergeometric distribution; in long double, because the two parts of the
    variance are equal in their first digits.
    """
    columns = (reference + current)[reference + current > 0].astype(np.longdouble)
    n, total = np.longdouble(current.sum()), np.longdouble(reference.sum() + current.sum())
    k = columns.size
    if k < 2 or total < 4 or n == 0 or n == total:
        return 0.0, 0.0
    f1 = n / total
    f2 = f1 * (n - 1) / (total - 1)
    f3 = f2 * (n - 2) / (total - 2)
    f4 = f3 * (n - 3) / (total - 3)
    first = (columns - 1) * f2 + f1
    falling = columns * (columns - 1) * (columns - 2)
    own = (
        falling * (columns - 3) * f4 + 6 * falling * f3 + 7 * columns * (columns - 1) * f2 + columns * f1
    ) / columns**2
    less = columns - 1
    pairs = (less.sum() ** 2 - (less**2).sum()) * f4 + 2 * (k - 1) * less.sum() * f3 + k * (k - 1) * f2
    scale = total**2 / (n * (total - n))
    mean = scale * (first.sum() - n**2 / total)
    variance = scale**2 * (own.sum() + pairs - first.sum() ** 2)
    return float(mean), float(np.sqrt(max(variance, np.longdouble(0))))


def upper_tail(value: float, mean: float, deviation: float) -> float:
    """Chance of at least this X2: that of a gamma distribution with these moments, close also where counts are few."""
    if deviation <= 0 or mean <= 0:
        return float(value <= mean + 1e-9)
    shape = (mean / deviation) ** 2
    return float(special.gammaincc(shape, value * mean / deviation**2))
