"""Whether a contrast between two sets of rows is chance, and whether it is more than the baseline's own variation.

Chance: if nothing has drifted, which rows are the window's is arbitrary, so the contrast of arbitrary rows is its null
distribution (Fisher 1935; exact at every number of rows). Time: the baseline's rows in time order are cut into blocks,
and a window must differ from the baseline more than one more such block would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = NDArray[np.float64]
Labels = NDArray[np.bool_]
Contrast = Callable[[Labels], Values]
"""From labels (rows, looks), True for the rows that are taken for the window's, to a value per look."""

DRAWS = 299
LEAST_BLOCKS, MOST_BLOCKS, LEAST_BLOCK_ROWS = 5, 20, 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """The observed value, the chance of one at least as large under no drift, and the value whose chance is `rate`."""

    value: float
    p_value: float
    limit: float


@dataclass(frozen=True, slots=True)
class TimeNull:
    """How far the contrast of one block of the baseline with the rest is above chance: one value per block."""

    excess: tuple[float, ...] = ()


def judge(contrast: Contrast, rows: int, n: int, random: np.random.Generator, rate: float, time: TimeNull) -> Outcome:
    """The contrast of the last n of these rows with the others."""
    labels = shuffled(rows, n, random, DRAWS + 1)
    labels[:, 0] = np.arange(rows) >= rows - n
    values = contrast(labels)
    observed, null = float(values[0]), values[1:]
    by_time, usual = _over_time(observed, null, time, rate)
    limit = float(np.quantile(null, 1 - rate, method="higher"))
    return Outcome(observed, max(_chance(observed, null), by_time), float(max(limit, usual)))


def time_null(contrast: Contrast, time: Values | None, random: np.random.Generator) -> TimeNull:
    """The null that the baseline's blocks give: empty without times, or with fewer than 250 rows."""
    if time is None:
        return TimeNull()
    blocks = min(MOST_BLOCKS, time.size // LEAST_BLOCK_ROWS)
    if blocks < LEAST_BLOCKS:
        return TimeNull()
    labels = np.zeros((time.size, blocks), dtype=np.bool_)
    for block, rows in enumerate(np.array_split(np.argsort(time, kind="stable"), blocks)):
        labels[rows, block] = True
    by_chance = contrast(shuffled(time.size, time.size // blocks, random, 50)).mean()
    return TimeNull(tuple((contrast(labels) - by_chance).tolist()))


def shuffled(rows: int, n: int, random: np.random.Generator, looks: int) -> Labels:
    """(rows, looks): in each column n rows at random are True."""
    drawn = np.zeros((rows, looks), dtype=np.bool_)
    drawn[rows - n :] = True
    return random.permuted(drawn, axis=0)


def _chance(observed: float, null: Values) -> float:
    """The share of draws at least as large; below one draw the tail of a fitted Pearson type III distribution."""
    above = int((null >= observed - 1e-12).sum())
    p = (1 + above) / (1 + null.size)
    deviation = float(null.std(ddof=1))
    if above or deviation <= 0:
        return p
    score = (observed - float(null.mean())) / deviation
    skew = float((((null - null.mean()) / deviation) ** 3).mean())
    if skew < 0.05:
        return min(p, float(special.ndtr(-score)))
    shape = 4 / skew**2
    return min(p, float(special.gammaincc(shape, shape + score * np.sqrt(shape))))


def _over_time(observed: float, null: Values, time: TimeNull, rate: float) -> tuple[float, float]:
    """Chance that one more block is this far out (Student's prediction interval), and where that chance is `rate`."""
    if not time.excess:
        return 0.0, -np.inf
    excess, by_chance = np.array(time.excess), float(null.mean())
    spread = float(excess.std(ddof=1)) * np.sqrt(1 + 1 / excess.size)
    if spread <= 0:
        return 0.0, -np.inf
    score = (observed - by_chance - float(excess.mean())) / spread
    usual = by_chance + float(excess.mean()) + float(special.stdtrit(excess.size - 1, 1 - rate)) * spread
    return float(special.stdtr(excess.size - 1, -score)), usual
