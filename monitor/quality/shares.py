"""Whether a window's share of some kind of row is more than chance, or the baseline's own variation, explains.

The number of such rows is beta-binomial: binomial, with a share that is not quite known. Two things make it uncertain:
the baseline is a sample of its own, and its blocks differ from each other more than chance alone (over-dispersion,
estimated by moments as in Kleinman 1973, and taken at the upper end of what so few blocks can tell).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special  # of these few functions: scipy.stats takes half a second and 80 MB

LEAST_BLOCKS = 5
_MOST_SUMMED = 2000
# With a baseline so much larger than the window the share is known, and the number binomial.
_AS_GOOD_AS_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n` rows; n may be 0."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n if self.n else 0.0


def share_p_value(window: Share, reference: Share, blocks: Sequence[Share] = ()) -> float:
    """The chance of a share at least this far from the reference's, on its side of it, doubled; 1 without rows."""
    if not window.n or not reference.n:
        return 1.0
    usual = (reference.hits + 0.5) / (reference.n + 1)  # Jeffreys' estimate: what was never seen may still occur
    correlation = 1 / (reference.n + 2) + overdispersion(reference, blocks)
    if window.value >= usual:
        return min(1.0, 2 * _upper_tail(window.hits, window.n, usual, correlation))
    return min(1.0, 2 * _upper_tail(window.n - window.hits, window.n, 1 - usual, correlation))


def overdispersion(reference: Share, blocks: Sequence[Share]) -> float:
    """The correlation between rows of one block, from 0 (chance alone) to 1; 0 for fewer than five blocks."""
    used = [block for block in blocks if block.n > 1]
    variance = reference.value * (1 - reference.value)
    if len(used) < LEAST_BLOCKS or variance <= 0:
        return 0.0
    excess = sum((block.value - reference.value) ** 2 - variance / block.n for block in used)
    estimate = excess / (variance * sum(1 - 1 / block.n for block in used))
    freedom = len(used) - 1
    pessimism = freedom / float(special.chdtri(freedom, 0.95))
    return float(min(max(estimate * pessimism, 0.0), 0.99))


def _upper_tail(hits: int, n: int, share: float, correlation: float) -> float:
    """P(at least `hits` of n) of a beta-binomial with this mean share and correlation between rows."""
    concentration = 1 / correlation - 1
    a, b = share * concentration, (1 - share) * concentration
    if hits == 0:
        return 1.0
    if concentration > _AS_GOOD_AS_KNOWN * n:
        return float(special.betainc(hits, n - hits + 1, share))
    if hits <= _MOST_SUMMED:
        return float(max(0.0, 1 - np.exp(_log_mass(np.arange(hits), n, a, b)).sum()))
    if n - hits <= _MOST_SUMMED:
        return float(min(1.0, np.exp(_log_mass(np.arange(hits, n + 1), n, a, b)).sum()))
    # Many of both: a beta distribution with the same mean and variance is close.
    alike = n / (1 + (n - 1) * correlation) - 1
    return float(special.betaincc(share * alike, (1 - share) * alike, (hits - 0.5) / n))


def _log_mass(
    hits: np.ndarray[tuple[int], np.dtype[np.int64]], n: int, a: float, b: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    ways = special.gammaln(n + 1) - special.gammaln(hits + 1) - special.gammaln(n - hits + 1)
    return np.asarray(ways + special.betaln(hits + a, n - hits + b) - special.betaln(a, b), dtype=np.float64)
