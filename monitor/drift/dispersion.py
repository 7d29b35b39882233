"""How much the baseline's own windows differ beyond chance, because weekdays, weather and campaigns come and go.

A statistic's window-to-window variance is chance(n) + between; without the second part every window of a seasonal
input is an alarm. It is estimated from few blocks, so a window is judged by Student's distribution; and because twenty
columns that show no such variance speak for each other, their estimates are moderated (Smyth 2004), which leaves
independent rows nearly the full power of a normal test. Columns that do vary may all follow one weather: for them the
blocks there are count once, however many columns saw them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitor.drift.scores import Array, Statistic

LEAST_BLOCKS = 3
_LEAST_COLUMNS = 3
# Sums of squares that are larger than all but so many by chance say that windows do differ: the sum of all columns, and
# that of one, which is looked at as often as there are columns.
_OF_ALL, _OF_ONE = 0.02, 0.005
_SURE = 1e6
_NOTICEABLE = 0.25


@dataclass(frozen=True, slots=True)
class Between:
    """One statistic over the blocks: `ratio` is its variance over that by chance, for blocks of `rows` rows.

    `freedom` is how many blocks there are beyond the one that their mean takes.
    """

    ratio: float
    rows: float
    freedom: int


@dataclass(frozen=True, slots=True)
class Dispersion:
    """The moderated variance of a statistic between windows, per row, and the degrees of freedom behind it.

    `own` are those of the column's own blocks.
    """

    between: float = 0.0
    freedom: float = math.inf
    own: float = math.inf

    def tail(self, root: float, rows: float, heavy: bool = False) -> float:
        """Two-sided chance of a window this far out; `rows` is 1 / (1/n + 1/N).

        A statistic that is a power of what moves between windows (`heavy`) has the longer tails of Student's squared,
        whose mean is about 1 and its variance 2.
        """
        between = self.between * rows
        deviate = abs(root) / math.sqrt(1 + between)
        freedom = self.freedom
        if between > 0:  # what is by chance is known for sure, the rest from the blocks (Satterthwaite 1946)
            freedom = min(freedom, self.own * (1 + 1 / between) ** 2)
        if heavy and between > _NOTICEABLE:
            deviate = math.sqrt(1 + math.sqrt(2) * deviate)
        if freedom > _SURE:
            return float(2 * special.ndtr(-deviate))
        return float(2 * special.stdtr(freedom, -deviate))


def between_blocks(statistic: Statistic, blocks: Sequence[Array]) -> Between | None:
    """The statistic of each block against the rest of the reference; None for fewer than three blocks with rows.

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
    return Between(1 + (ratio - 1) * (1 + 1 / len(held)), float(rows.mean()), len(held) - 1)


def moderate(found: Sequence[Between | None]) -> list[Dispersion]:
    """The dispersion of one kind of statistic in each column, each informed by all of them.

    Where all of them vary by no more than chance, those that do are taken to; else every estimate would be a little off
    by chance, and a drift of independent rows be missed for it.
    """
    known = [each for each in found if each is not None]
    if not known:
        return [Dispersion() for _ in found]
    ratios = np.array([max(each.ratio, 1e-3) for each in known])
    freedom = float(np.mean([each.freedom for each in known]))
    prior_freedom, prior = _prior(ratios, freedom)
    together = sum(each.ratio * each.freedom for each in known)
    calm = len(known) >= _LEAST_COLUMNS and _chance(together, freedom * len(known)) > _OF_ALL
    return [Dispersion() if each is None else _moderated(each, calm, prior_freedom, prior) for each in found]


def _chance(squares: float, freedom: float) -> float:
    """The chance of a sum of squared deviates to be this large where there is nothing but chance."""
    return float(special.chdtrc(freedom, max(squares, 0.0)))


def _moderated(each: Between, calm: bool, prior_freedom: float, prior: float) -> Dispersion:
    if calm and _chance(each.ratio * each.freedom, each.freedom) > _OF_ONE:
        return Dispersion(own=each.freedom)
    if math.isinf(prior_freedom):
        ratio, freedom = prior, math.inf
    else:
        freedom = prior_freedom + each.freedom
        ratio = (prior_freedom * prior + each.freedom * each.ratio) / freedom
    return Dispersion(max(ratio - 1, 0.0) / each.rows, freedom, each.freedom)


def _prior(ratios: NDArray[np.float64], freedom: float) -> tuple[float, float]:
    """Degrees of freedom and scale of the scaled F distribution that the variances look drawn from (Smyth 2004, 6.2).

    One column has nobody to speak for it: no prior.
    """
    if ratios.size < _LEAST_COLUMNS:
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
