"""What a column's drift statistics look like when nothing has drifted.

Two sources of ordinary variation, and a window must exceed both:
- chance: a window of n rows drawn from the baseline's own shares (and the baseline itself is a sample);
- time: the baseline's own blocks differ from each other more than chance alone, because weekdays, weather and
  campaigns come and go. This is over-dispersion, and without it every window of a seasonal input is an alarm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special  # of these few functions: scipy.stats takes half a second and 80 MB

from monitor.drift.methods import Counts

DRAWS = 400
LEAST_BLOCKS = 5
# Sample sizes are rounded down to this grid, so that nearby windows share one null; smaller n is the cautious side.
_GRID = 1.1


@dataclass(frozen=True, slots=True)
class Null:
    """Two kinds of statistic under no drift, each as chance gives it and as the baseline's own blocks do.

    `shape` is the Jensen-Shannon divergence (mean and deviation by chance; one value per block, as if it had as many
    rows as the window). Location by chance is
    the deviation of the mean rank around 1/2; over blocks it is their medians, in the column's unit, because ranks end
    at 0 and 1 while a season goes on.
    """

    shape_chance: tuple[float, float]
    rank_chance: float | None
    shape_blocks: tuple[float, ...]
    median_blocks: tuple[float, ...]


def mid_ranks(reference: Counts) -> Counts:
    """Each bin's mean rank in the reference, from 0 to 1."""
    shares = reference / reference.sum()
    return np.asarray(np.cumsum(shares) - shares / 2, dtype=np.float64)


def mean_rank(reference: Counts, current: Counts) -> float:
    """Chance that a value of the window is above one of the reference, ties counting half (Mann, Whitney 1947)."""
    return float(mid_ranks(reference) @ (current / current.sum()))


def divergence(reference: Counts, current: Counts) -> NDArray[np.float64]:
    """Jensen-Shannon divergence, natural logarithm; `current` may hold many windows as rows."""
    p = reference / reference.sum(axis=-1, keepdims=True)
    q = current / current.sum(axis=-1, keepdims=True)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log(p / middle), 0.0)
        right = np.where(q > 0, q * np.log(q / middle), 0.0)
    return np.asarray((left + right).sum(axis=-1) / 2, dtype=np.float64)


def build_null(reference: Counts, blocks: Sequence[Counts], medians: Sequence[float], n: int) -> Null:
    """The null for windows of n rows. `medians` are the blocks' where the bins have an order, else empty.

    Fewer than five blocks say nothing about time, and are left out.
    """
    n = max(1, int(_GRID ** np.floor(np.log(max(n, 1)) / np.log(_GRID))))
    shape, rank = _chance(tuple(reference.tolist()), n)
    usable = [block for block in blocks if block.sum()]
    if len(usable) < LEAST_BLOCKS:
        usable = []
    shapes = tuple(_as_if_of(n, reference, block, shape[0]) for block in usable)
    levels = tuple(median for median in medians if math.isfinite(median))
    return Null(shape, rank if medians else None, shapes, levels if len(levels) >= LEAST_BLOCKS else ())


def p_value(null: Null, shape: float, rank: float | None, median: float | None) -> float:
    """The chance of a window at least this far out while nothing has drifted.

    Each statistic must be unusual both for chance and for the baseline's own blocks; the smaller of the two counts,
    doubled for having looked twice.
    """
    p_shape = max(_gamma_tail(null.shape_chance, shape), _block_tail(null.shape_blocks, shape, two_sided=False))
    if rank is None or median is None or null.rank_chance is None:
        return p_shape
    deviation = null.rank_chance
    p_chance = float(2 * special.ndtr(-abs(rank - 0.5) / deviation)) if deviation > 0 else float(rank == 0.5)
    p_location = max(p_chance, _block_tail(null.median_blocks, median, two_sided=True))
    return min(1.0, 2 * min(p_shape, p_location))


def usual_distance(null: Null) -> float:
    """The largest Jensen-Shannon distance that the baseline's own blocks make usual (one in 200); 0 without blocks."""
    if not null.shape_blocks:
        return 0.0
    distances = np.sqrt(np.maximum(np.array(null.shape_blocks), 0.0))
    spread = float(distances.std(ddof=1)) * math.sqrt(1 + 1 / distances.size)
    return float(distances.mean() + special.stdtrit(distances.size - 1, 0.995) * spread)


@lru_cache(maxsize=4096)
def _chance(counts: tuple[float, ...], n: int) -> tuple[tuple[float, float], float]:
    """Over windows of n rows drawn from these counts: mean and deviation of the divergence, deviation of the rank."""
    reference = np.array(counts)
    total = int(reference.sum())
    shares = reference / reference.sum()
    random = np.random.default_rng([total, n, len(counts)])
    windows = random.multinomial(n, shares, size=DRAWS).astype(np.float64)
    references = random.multinomial(total, shares, size=DRAWS).astype(np.float64)
    shapes = divergence(references, windows)
    ranks = (windows / n - references / total) @ mid_ranks(reference)
    return (float(shapes.mean()), float(shapes.std(ddof=1))), float(ranks.std(ddof=1))


def _as_if_of(n: int, reference: Counts, block: Counts, by_chance: float) -> float:
    """The block's divergence, had it n rows: what chance makes of its own number of rows is taken out of it.

    By chance alone a divergence is proportional to 1/rows + 1/rows of the reference. Without this, one short block (a
    baseline ends in the middle of a window) would make every distance look usual.
    """
    rest = _rest(reference, block)
    size, others, whole = float(block.sum()), float(rest.sum()), float(reference.sum())
    expected = by_chance * (1 / size + 1 / others) / (1 / n + 1 / whole)
    return max(float(divergence(rest, block)) - expected, 0.0) + by_chance


def _rest(reference: Counts, block: Counts) -> Counts:
    """The reference without this block, so that a block is not compared with itself."""
    rest = np.maximum(reference - block, 0.0)
    return rest if rest.sum() else reference


def _gamma_tail(moments: tuple[float, float], value: float) -> float:
    """Upper tail of a gamma distribution with these moments; a divergence of few counts is close to one."""
    mean, deviation = moments
    if deviation <= 0 or mean <= 0:
        return float(value <= mean + 1e-12)
    shape = (mean / deviation) ** 2
    return float(special.gammaincc(shape, value * mean / deviation**2))


def _block_tail(blocks: tuple[float, ...], value: float, *, two_sided: bool) -> float:
    """Chance that one more block is this far out: Student's prediction interval. 0 (no objection) without blocks."""
    if not blocks:
        return 0.0
    sample = np.array(blocks)
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = float(sample.std(ddof=1)) * float(np.sqrt(1 + 1 / sample.size))
        distance = value - float(sample.mean())
    if not math.isfinite(deviation) or math.isnan(distance):
        return 1.0  # values too large to compute with: nothing is unusual by them
    if deviation < 1e-12:
        return float(abs(distance) < 1e-9)
    tail = float(special.stdtr(sample.size - 1, -(abs(distance) if two_sided else distance) / deviation))
    return 2 * tail if two_sided else tail
