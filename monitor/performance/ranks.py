"""ROC-AUC and average precision from counts per distinct score, with standard errors, in one pass of bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.profiles import Ranking, ScoreProfile

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Below:
    """What lies below the scores at hand: rows of both kinds, and the sums that move the average precision."""

    negatives: float = 0.0
    positives: float = 0.0
    gain: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class _Places:
    """Per distinct score, the lowest first.

    `beaten` is the share of negatives below it, `missed` that of positives above it, ties counting half. `precision` is
    that of all rows at or above it. `gains` sums 1/B over the positives at or below it and `losses` A/B², with A
    positives and B rows at or above each.
    """

    beaten: Numbers
    missed: Numbers
    precision: Numbers
    gains: Numbers
    losses: Numbers
    below: _Below


def _places(theirs: Numbers, ours: Numbers, negatives: int, positives: int, below: _Below) -> _Places:
    """Where each distinct score stands, of (negatives, positives) counts that follow on what is below."""
    under_theirs, under_ours = below.negatives + np.cumsum(theirs), below.positives + np.cumsum(ours)
    above = positives - under_ours + ours
    rows = above + negatives - under_theirs + theirs
    precision = above / rows
    gains, losses = below.gain + np.cumsum(ours / rows), below.loss + np.cumsum(ours * precision / rows)
    return _Places(
        (under_theirs - theirs / 2) / negatives,
        (above - ours / 2) / positives,
        precision,
        gains,
        losses,
        _Below(float(under_theirs[-1]), float(under_ours[-1]), float(gains[-1]), float(losses[-1])),
    )


def rank(chunks: Iterable[tuple[NDArray[Any], NDArray[Any]]], negatives: int, positives: int) -> Ranking:
    """What (negatives, positives) per distinct score, the lowest first, say of the scores' order.

    `negatives` and `positives` are the totals, both above 0. The AUC counts ties half; its error is DeLong's (DeLong,
    DeLong, Clarke-Pearson 1988). The average precision is Σ (R_k - R_(k-1)) P_k over the thresholds, as scikit-learn's;
    its error comes from the influence function, which `row_influences` gives.
    """
    sums, below = np.zeros(7), _Below()
    for raw_theirs, raw_ours in chunks:
        theirs, ours = raw_theirs.astype(np.float64), raw_ours.astype(np.float64)
        at = _places(theirs, ours, negatives, positives, below)
        below, pull = at.below, at.precision + at.gains - at.losses
        sums += [
            (ours * at.beaten).sum(),
            (ours * at.beaten**2).sum(),
            (theirs * at.missed**2).sum(),
            (ours * at.precision).sum(),
            (ours * pull).sum(),
            (ours * pull**2).sum(),
            (theirs * at.losses**2).sum(),
        ]
    auc, average = float(sums[0]) / positives, float(sums[3]) / positives
    moved = float(sums[5] - 2 * average * sums[4]) + positives * average**2 + float(sums[6])
    return Ranking(
        auc,
        math.sqrt(_variance(sums[1], auc, positives) / positives + _variance(sums[2], auc, negatives) / negatives),
        average,
        math.sqrt(max(moved, 0.0)) / positives,
    )


def _variance(square: float, mean: float, n: int) -> float:
    """The sample variance of n values with this square sum and mean."""
    return max(float(square) - n * mean * mean, 0.0) / max(n - 1, 1)


def row_influences(scores: Numbers, positive: NDArray[np.bool_]) -> tuple[Numbers, Numbers] | None:
    """How far each row moves the AUC and the average precision, times n; None when a class is missing.

    With A(s), B(s) the shares of positives and of all rows at or above score s, and π that of positives, a row (s, y)
    moves the average precision AP by (y (A/B + G - AP) - H) / π, where G(s) = E[Y'/B; S' ≤ s] and
    H(s) = E[Y' A/B²; S' ≤ s]. It moves the AUC by (its place among the other class's rows - AUC) / the share of its own
    class.
    """
    n, positives = len(positive), int(positive.sum())
    if not positives or positives == n:
        return None
    _, place = np.unique(scores, return_inverse=True)
    ours = np.bincount(place, weights=positive).astype(np.float64)
    theirs = np.bincount(place) - ours
    at = _places(theirs, ours, n - positives, positives, _Below())
    found = rank([(theirs, ours)], n - positives, positives)
    share = positives / n
    of_auc = np.where(positive, (at.beaten[place] - found.auc) / share, (at.missed[place] - found.auc) / (1 - share))
    pull = at.precision + at.gains - found.average_precision
    return of_auc, (np.where(positive, pull[place], 0.0) - at.losses[place]) / share


def rank_grid(scores: ScoreProfile) -> Ranking | None:
    """The ranking of the scores' own window, else from the grid; None when a class is missing.

    From the grid, the AUC differs from the exact one by at most half the share of (positive, negative) pairs that fall
    into one cell.
    """
    if scores.ranking is not None:
        return scores.ranking
    negatives, positives = scores.negatives, scores.positives
    if not negatives or not positives:
        return None
    counts = np.array([pair for _, pair in sorted(scores.buckets.items())])
    return rank([(counts[:, 0], counts[:, 1])], negatives, positives)


def rank_rows(scores: Numbers, positive: NDArray[np.bool_]) -> Ranking | None:
    """The exact ranking of rows; None when a class is missing."""
    positives = int(positive.sum())
    if not positives or positives == len(positive):
        return None
    _, place = np.unique(scores, return_inverse=True)
    ours = np.bincount(place, weights=positive)
    return rank([(np.bincount(place) - ours, ours)], len(positive) - positives, positives)
