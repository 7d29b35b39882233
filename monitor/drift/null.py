"""What a column's drift statistics look like when nothing has drifted.

Two sources of ordinary variation, and a window must exceed both:
- chance: a window of n rows drawn from the baseline's own shares (and the baseline itself is a sample);
- time: the baseline's own blocks differ from each other more than chance alone, because weekdays, weather and
  campaigns come and go. This is over-dispersion, and without it every window of a seasonal input is an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from monitor.drift.methods import Counts

DRAWS = 400
LEAST_BLOCKS = 5
# Sample sizes are rounded down to this grid, so that nearby windows share one null; smaller n is the cautious side.
_GRID = 1.1


@dataclass(frozen=True, slots=True)
class Null:
    """The two statistics under no drift: `shape` (squared Jensen-Shannon distance) and `location` (mean mid-rank)."""

    shape_chance: tuple[float, float]
    location_chance: tuple[float, float] | None
    shape_blocks: tuple[float, ...]
    location_blocks: tuple[float, ...]


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


def build_null(reference: Counts, blocks: tuple[Counts, ...], n: int, ordered: bool) -> Null:
    """The null for windows of n rows; `ordered` says whether the bins have an order, and so a location."""
    n = int(_GRID ** np.floor(np.log(max(n, 1)) / np.log(_GRID)))
    shape, location = _chance(tuple(reference.tolist()), max(n, 1), ordered)
    usable = [block for block in blocks if block.sum()]
    if len(usable) < LEAST_BLOCKS:
        usable = []
    rest = [_rest(reference, block) for block in usable]
    return Null(
        shape,
        location,
        tuple(float(divergence(r, b)) for r, b in zip(rest, usable, strict=True)),
        tuple(mean_rank(r, b) for r, b in zip(rest, usable, strict=True)) if ordered else (),
    )


def p_value(null: Null, shape: float, location: float | None) -> float:
    """The chance of a window at least this far out while nothing has drifted.

    Each statistic must be unusual both for chance and for the baseline's own blocks; the smaller of the two counts,
    doubled for having looked twice.
    """
    p_shape = max(_gamma_tail(null.shape_chance, shape), _block_tail(null.shape_blocks, shape, two_sided=False))
    if location is None or null.location_chance is None:
        return p_shape
    mean, deviation = null.location_chance
    p_chance = float(2 * stats.norm.sf(abs(location - mean) / deviation)) if deviation > 0 else float(location == mean)
    p_location = max(p_chance, _block_tail(null.location_blocks, location, two_sided=True))
    return min(1.0, 2 * min(p_shape, p_location))


@lru_cache(maxsize=4096)
def _chance(counts: tuple[float, ...], n: int, ordered: bool) -> tuple[tuple[float, float], tuple[float, float] | None]:
    """Mean and standard deviation of both statistics over windows of n rows drawn from these counts."""
    reference = np.array(counts)
    total = int(reference.sum())
    shares = reference / reference.sum()
    random = np.random.default_rng([total, n, len(counts)])
    windows = random.multinomial(n, shares, size=DRAWS).astype(np.float64)
    references = random.multinomial(total, shares, size=DRAWS).astype(np.float64)
    shapes = divergence(references, windows)
    shape = (float(shapes.mean()), float(shapes.std(ddof=1)))
    if not ordered:
        return shape, None
    ranks = mid_ranks(reference)
    locations = 0.5 + (windows / n - references / total) @ ranks
    return shape, (0.5, float(locations.std(ddof=1)))


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
    return float(stats.gamma.sf(value, shape, scale=deviation**2 / mean))


def _block_tail(blocks: tuple[float, ...], value: float, *, two_sided: bool) -> float:
    """Chance that one more block is this far out: Student's prediction interval. 0 (no objection) without blocks."""
    if not blocks:
        return 0.0
    sample = np.array(blocks)
    deviation = float(sample.std(ddof=1)) * float(np.sqrt(1 + 1 / sample.size))
    distance = value - float(sample.mean())
    if deviation < 1e-12:
        return float(abs(distance) < 1e-9)
    tail = float(stats.t.sf((abs(distance) if two_sided else distance) / deviation, df=sample.size - 1))
    return 2 * tail if two_sided else tail
