"""How much the baseline's own windows differ beyond chance, because weekdays, weather and campaigns come and go.

A statistic's window-to-window variance is chance(n) + between; without the second part every window of a seasonal
input is an alarm. It is estimated from few blocks, so a window is judged by Student's distribution; and because twenty
columns that show no such variance speak for each other, their estimates are moderated (Smyth 2004), which leaves
independent rows nearly the full power of a normal test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitor.drift.scores import Array, Statistic

LEAST_BLOCKS = 5
_SURE = 1e6
_HEAVY = 5.0
_NOTICEABLE = 0.25


@dataclass(frozen=True, slots=True)
class Between:
    """One statistic over the blocks: `ratio` is its variance over that by chance, for blocks of `rows` rows."""

    ratio: float
    rows: float
    blocks: int


@dataclass(frozen=True, slots=True)
class Dispersion:
    """The moderated variance of a statistic between windows, per row, and the degrees of freedom behind it."""

    between: float = 0.0
    freedom: float = math.inf

    def tail(self, root: float, rows: float, heavy: bool = False) -> float:
        """Two-sided chance of a window this far out; `rows` is 1 / (1/n + 1/N).

        A statistic that is a power of what moves between windows (`heavy`) has longer tails than Student's.
        """
        between = self.between * rows
        deviate = abs(root) / math.sqrt(1 + between)
        freedom = min(self.freedom, _HEAVY) if heavy and between > _NOTICEABLE else self.freedom
        if freedom > _SURE:
            return float(2 * special.ndtr(-deviate))
        return float(2 * special.stdtr(freedom, -deviate))


def between_blocks(statistic: Statistic, blocks: Sequence[Array]) -> Between | None:
    """The statistic of each block against the rest of the reference; None for fewer than five blocks with rows.

    `blocks` are counts on the statistic's bins. A block counts by its rows, so a short one says little.
    """
    held = [block for block in blocks if block.sum()]
    if len(held) < LEAST_BLOCKS:
        return None
    counts = np.stack(held)
    reference, scores = statistic.reference, statistic.scores
    shares = reference / reference.sum()
    deviation = math.sqrt(float(shares @ (scores - shares @ scores) ** 2))
    if deviation < 1e-12:
        return None
    sizes = counts.sum(axis=1)
    rest = np.maximum(reference - counts, 0.0)
    others = np.maximum(rest.sum(axis=1), 1.0)
    rows = 1 / (1 / sizes + 1 / others)
    deviates = (counts @ scores / sizes - rest @ scores / others) / deviation * np.sqrt(rows)
    ratio = 1 + float((deviates**2 - 1).sum() / rows.sum() * rows.mean())
    # What comes next differs from the blocks' own mean, too.
    return Between(1 + (ratio - 1) * (1 + 1 / len(held)), float(rows.mean()), len(held))


def moderate(found: Sequence[Between | None]) -> list[Dispersion]:
    """The dispersion of one kind of statistic in each column, each informed by all of them."""
    known = [each for each in found if each is not None]
    if not known:
        return [Dispersion() for _ in found]
    ratios = np.array([max(each.ratio, 1e-3) for each in known])
    freedom = float(np.mean([each.blocks for each in known]))
    prior_freedom, prior = _prior(ratios, freedom)
    return [Dispersion() if each is None else _moderated(each, prior_freedom, prior) for each in found]


def _moderated(each: Between, prior_freedom: float, prior: float) -> Dispersion:
    if math.isinf(prior_freedom):
        ratio, freedom = prior, math.inf
    else:
        freedom = prior_freedom + each.blocks
        ratio = (prior_freedom * prior + each.blocks * each.ratio) / freedom
    return Dispersion(max(ratio - 1, 0.0) / each.rows, freedom)


def _prior(ratios: NDArray[np.float64], freedom: float) -> tuple[float, float]:
    """Degrees of freedom and scale of the scaled F distribution that the variances look drawn from (Smyth 2004, 6.2).

    One column has nobody to speak for it: no prior.
    """
    if ratios.size < 3:
        return 0.0, 1.0
    logs = np.log(ratios) - special.psi(freedom / 2) + math.log(freedom / 2)
    spread = float(logs.var(ddof=1) - special.polygamma(1, freedom / 2))
    if spread <= 0:
        return math.inf, max(1.0, float(np.exp(logs.mean())))
    half = _inverse_trigamma(spread)
    return 2 * half, float(np.exp(logs.mean() + special.psi(half) - math.log(half)))


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = value, by Newton's method on its reciprocal, which is nearly straight."""
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
