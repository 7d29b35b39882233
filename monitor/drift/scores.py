"""What is looked for in a column: each statistic is a mean of scores, one score per bin of the baseline.

Location finds values that moved, the two spreads find wider and narrower ones (by ranks for heavy tails, by normal
scores for the far ends), skewness finds a lopsided change, the tails find a few rows far out, `missing` and `infinite`
find rows without a usable value, and each category finds its own share. Scores are of ranks, so one value of 1e6 counts
as much as any other largest one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special  # of these few functions: scipy.stats takes half a second and 80 MB

from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.profiles.columns import bin_counts

Array = NDArray[np.float64]
Part = Literal["values", "missing", "infinite"]

# How a column's chance of a false alarm is spent: most on what is most often seen, a little on everything else.
LOCATION, RANK_SPREAD, SPREAD, SKEWNESS, HUMPS = 0.56, 0.06, 0.11, 0.06, 0.04
TAIL, MISSING, INFINITE = 0.02, 0.03, 0.01
FINE_SHAPE, COARSE_SHAPE = 0.05, 0.04
CATEGORIES, UNSEEN, CATEGORY_SHAPE = 0.35, 0.05, 0.57
MOST_CELLS = 20
TAIL_SHARE = 0.0051
_FAR = frozenset({"skewness", "humps", "low_tail", "high_tail"})
_HEAVY = _FAR | {"rank_spread", "spread"}
_FREE = frozenset({"location", "spread", "skewness", "humps"})


@dataclass(frozen=True, slots=True)
class Statistic:
    """One mean of scores; `reference` holds the baseline's rows on the bins that `scores` are of."""

    name: str
    part: Part
    weight: float
    scores: Array
    reference: Array

    @property
    def heavy(self) -> bool:
        """Whether it is a power of what moves between windows, and so now and then very large."""
        return self.name in _HEAVY

    @property
    def far(self) -> bool:
        """Whether it looks at the ends of the distribution most."""
        return self.name in _FAR

    @property
    def part_of_shape(self) -> float:
        """How much of its square is in X2: all of what scores that are free of each other see; 1 - share of a bin."""
        if self.part == "values" and self.name not in ("category", "unseen"):
            return float(self.name in _FREE)
        return 1 - float(self.reference @ self.scores / max(self.reference.sum(), 1.0))


def statistics_of(reference: ColumnProfile) -> list[Statistic]:
    """The statistics of one column. Those whose score does not vary in it say nothing, and are left out later."""
    if isinstance(reference, NumericProfile):
        found = _numeric(bin_counts(reference))
        found.append(_indicator("infinite", INFINITE, part_counts(reference, "infinite")))
    else:
        found = _categorical(expected_counts(reference), _known_of_unseen(reference))
    return [*found, _indicator("missing", MISSING, part_counts(reference, "missing"))]


def expected_counts(reference: ColumnProfile) -> Array:
    """The baseline's rows per bin, as another sample of as many rows would have them.

    Categories that were seen once, twice or three times are rarer than that in truth, and as many rows as there were
    categories seen once will be of ones not seen yet (Good 1953). Else every new zip code would be drift.
    """
    counts = bin_counts(reference)
    if isinstance(reference, NumericProfile) or reference.unseen:
        return counts
    of = [int((counts == times).sum()) for times in range(5)]
    expected = counts.copy()
    for times in (1, 2, 3):
        if of[times]:
            expected[counts == times] = min(times, (times + 1) * of[times + 1] / of[times])
    expected[-1] = of[1]
    return expected


def _known_of_unseen(reference: CategoricalProfile) -> float:
    """Which share of its rows a baseline is worth where it is about categories that it has not seen.

    With a categories seen once and b seen twice in N rows, the unseen ones' share is a / N with variance
    (a + 2 b) / N^2 (Robbins 1968), as a share counted in a / (a + 2 b) of the rows has.
    """
    if reference.unseen:
        return 1.0
    once, twice = (sum(count == times for count in reference.counts) for times in (1, 2))
    return (once + 1) / (once + 2 * twice + 1)


def part_counts(profile: ColumnProfile, part: Part) -> Array:
    """The rows a statistic counts: values per bin, or (all others, missing), or (all others, infinite)."""
    if part == "values":
        return bin_counts(profile)
    infinite = profile.infinite if isinstance(profile, NumericProfile) else 0
    hits = profile.missing if part == "missing" else infinite
    return np.array([profile.rows - hits, hits], dtype=np.float64)


def _indicator(name: Part, weight: float, counts: Array) -> Statistic:
    return Statistic(name, name, weight, np.array([0.0, 1.0]), counts)


def _numeric(counts: Array) -> list[Statistic]:
    total = counts.sum()
    if not total:
        return []
    shares = counts / total
    ranks = np.cumsum(shares) - shares / 2
    normal = special.ndtri(np.clip(ranks, 1e-9, 1 - 1e-9))
    lower, upper = np.cumsum(shares), np.cumsum(shares[::-1])[::-1]
    scores = {
        # Half ranks and half normal scores: nearly the best there is for normal values, and good for heavy tails.
        "location": (LOCATION, math.sqrt(12) * ranks + normal),
        "rank_spread": (RANK_SPREAD, _free_of(shares, (ranks - 0.5) ** 2, ranks)),
        "spread": (SPREAD, _free_of(shares, normal**2, normal)),
        "skewness": (SKEWNESS, _free_of(shares, normal**3, normal, normal**2)),
        "humps": (HUMPS, _free_of(shares, normal**4, normal, normal**2, normal**3)),
        "low_tail": (TAIL, (lower <= TAIL_SHARE).astype(np.float64)),
        "high_tail": (TAIL, (upper <= TAIL_SHARE).astype(np.float64)),
    }
    return [Statistic(name, "values", weight, score, counts) for name, (weight, score) in scores.items()]


def _categorical(counts: Array, known_of_unseen: float) -> list[Statistic]:
    """The largest categories one by one; the last bin holds those that the baseline does not know."""
    largest = np.argsort(-counts[:-1], kind="stable")[:MOST_CELLS]
    cells = [_cell("category", CATEGORIES / max(largest.size, 1), counts, int(at)) for at in sorted(largest)]
    return [*cells, _cell("unseen", UNSEEN, counts * known_of_unseen, counts.size - 1)]


def _cell(name: str, weight: float, counts: Array, at: int) -> Statistic:
    scores = np.zeros(counts.size)
    scores[at] = 1.0
    return Statistic(name, "values", weight, scores, counts)


def _free_of(shares: Array, score: Array, *others: Array) -> Array:
    """The score without what these others explain of it, under the reference's shares."""
    basis = np.stack([np.ones_like(score), *others])
    weighted = basis * np.sqrt(shares)
    solution, *_ = np.linalg.lstsq(weighted.T, score * np.sqrt(shares), rcond=None)
    return np.asarray(score - solution @ basis, dtype=np.float64)
