"""The chance that a column looks like this while nothing has drifted.

Two sources of ordinary variation, and a window must exceed both:
- chance: a window of n rows drawn from the same shares as the baseline's rows, themselves a sample;
- time: the baseline's own blocks differ from each other more than chance alone (monitor.drift.dispersion).

Several statistics look at each column (monitor.drift.scores); the chance of a false alarm is divided between them by
their weights, so that looking for everything costs what is looked for most the least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special  # of these few functions: scipy.stats takes half a second and 80 MB

from monitor.drift.homogeneity import LEAST_EXPECTED, chance_moments, chi_squared, pool_bins, pooled, upper_tail
from monitor.drift.reference import UNSEEN_BIN, ReferenceColumn, all_counts
from monitor.drift.saddlepoint import signed_roots
from monitor.drift.scores import CATEGORY_SHAPE, COARSE_SHAPE, FINE_SHAPE, Array, part_counts
from monitor.profiles import ColumnProfile, NumericProfile

COARSE_BINS = 12

Pair = tuple[ReferenceColumn, ColumnProfile]


def p_values(pairs: Sequence[Pair]) -> list[float]:
    """The chance of each (reference, window) column being at least this far out; all statistics of all columns at once.

    A statistic that does not vary in either (a constant column) takes no part and costs nothing.
    """
    rows = _linear_rows(pairs)
    roots = _roots(rows) if rows else np.zeros(0)
    found: list[list[tuple[float, float]]] = [[] for _ in pairs]
    for row, root in zip(rows, roots.tolist(), strict=True):
        if row.varies:
            reference, current = pairs[row.pair]
            found[row.pair].append((row.weight, _tail(row, root, reference, current)))
    return [_combined([*weighed, *_shapes(*pair)]) for weighed, pair in zip(found, pairs, strict=True)]


def _combined(weighed: Sequence[tuple[float, float]]) -> float:
    """Bonferroni's bound with weights, which need not be equal (Holm 1979)."""
    total = sum(weight for weight, _ in weighed)
    return min(1.0, min((p * total / weight for weight, p in weighed if weight), default=1.0))


class _Row:
    """One statistic of one pair of columns."""

    __slots__ = ("at", "difference", "n", "pair", "scores", "shares", "total", "varies", "weight")

    def __init__(self, pair: int, at: int, weight: float, scores: Array, before: Array, after: Array) -> None:
        self.pair, self.at, self.weight, self.scores = pair, at, weight, scores
        self.n, self.total = float(after.sum()), float(before.sum())
        both = before + after
        # Under no drift both are samples of the same shares, so both together tell them best.
        self.shares = both / both.sum()
        self.difference = float(scores @ (after / self.n - before / self.total))
        present = scores[both > 0]
        self.varies = bool(present.size and present.max() > present.min())

    @property
    def effective(self) -> float:
        """Rows as the variance of the difference counts them: 1 / (1/n + 1/N)."""
        return 1 / (1 / self.n + 1 / self.total)


def _linear_rows(pairs: Sequence[Pair]) -> list[_Row]:
    rows = []
    for index, (reference, current) in enumerate(pairs):
        for at, statistic in enumerate(reference.statistics):
            after = part_counts(current, statistic.part)
            if after.sum() and statistic.reference.sum():
                rows.append(_Row(index, at, statistic.weight, statistic.scores, statistic.reference, after))
    return rows


def _roots(rows: Sequence[_Row]) -> Array:
    width = max(row.scores.size for row in rows)
    scores, shares = np.zeros((len(rows), width)), np.zeros((len(rows), width))
    for at, row in enumerate(rows):
        scores[at, : row.scores.size], shares[at, : row.shares.size] = row.scores, row.shares
    columns = [np.array(values) for values in zip(*((r.difference, r.n, r.total) for r in rows), strict=True)]
    return signed_roots(scores, shares, *columns)


def _tail(row: _Row, root: float, reference: ReferenceColumn, current: ColumnProfile) -> float:
    """Unusual both for chance and for the baseline's own blocks."""
    statistic = reference.statistics[row.at]
    if statistic.name == "unseen" and root < 0 and reference.guesses_unseen:
        return 1.0
    by_chance = float(2 * special.ndtr(-abs(root)))
    over_time = reference.dispersions[row.at].tail(root, row.effective, statistic.heavy)
    if statistic.name == "location" and reference.medians.size and isinstance(current, NumericProfile):
        # Ranks end at 0 and 1 while a season goes on: the column's own unit tells when it leaves what was known.
        over_time = min(over_time, 2 * _student(reference.medians, current.quantile(0.5)))
    return max(by_chance, over_time)


def _shapes(reference: ReferenceColumn, current: ColumnProfile) -> list[tuple[float, float]]:
    """Weights and p-values of any difference at all, missing values included: over fine bins, which see a spike, and
    over coarse ones, which see a smooth change better."""
    after = all_counts(current)
    rows = float(after.sum())
    if not isinstance(current, NumericProfile):
        return [_shape(CATEGORY_SHAPE, reference, after, LEAST_EXPECTED)]
    coarse = max(LEAST_EXPECTED, rows / COARSE_BINS)
    return [_shape(FINE_SHAPE, reference, after, LEAST_EXPECTED), _shape(COARSE_SHAPE, reference, after, coarse)]


def _shape(weight: float, reference: ReferenceColumn, after: Array, least_expected: float) -> tuple[float, float]:
    before = _without_missed_guess(reference, after)
    rows = 1 / (1 / after.sum() + 1 / before.sum())
    groups = pool_bins(before, float(after.sum()), least_expected)
    before, after = pooled(before, groups), pooled(after, groups)
    mean, deviation = chance_moments(before, after)
    if deviation <= 0:
        return 0.0, 1.0
    value = chi_squared(before, after)
    by_chance = upper_tail(value, mean, deviation)
    if reference.shapes is None:
        return weight, by_chance
    return weight, max(by_chance, reference.shapes.tail(max(value - mean, 0.0), rows))


def _without_missed_guess(reference: ReferenceColumn, after: Array) -> Array:
    """The reference's counts; where it guesses how many rows will be of new categories, no more than there are: that
    none came is no drift."""
    if not reference.guesses_unseen:
        return reference.counts
    before = reference.counts.copy()
    before[UNSEEN_BIN] = min(before[UNSEEN_BIN], after[UNSEEN_BIN] * before.sum() / after.sum())
    return before


def usual_distance(reference: ReferenceColumn) -> float:
    """The largest Jensen-Shannon distance that the baseline's own blocks make usual (one in 200); 0 without blocks."""
    if reference.shapes is None:
        return 0.0
    distances = np.sqrt(reference.shapes.divergences)
    spread = float(distances.std(ddof=1)) * math.sqrt(1 + 1 / distances.size)
    return float(distances.mean() + special.stdtrit(distances.size - 1, 0.995) * spread)


def _student(blocks: Array, value: float) -> float:
    """Two-sided chance that one more block is this far out: Student's prediction interval."""
    with np.errstate(over="ignore", invalid="ignore"):
        deviation = float(blocks.std(ddof=1)) * math.sqrt(1 + 1 / blocks.size)
        distance = abs(value - float(blocks.mean()))
    if not math.isfinite(deviation) or math.isnan(distance):
        return 1.0  # values too large to compute with: nothing is unusual by them
    if deviation < 1e-12:
        return float(distance < 1e-9)
    return float(2 * special.stdtr(blocks.size - 1, -distance / deviation))
