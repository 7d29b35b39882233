"""CBPE of a window from its profile, and how far the grid may take it from what its rows would have given.

On the grid a cell's rows are known by their number and the sum of their scores. Where calibration is a straight line
over the cell, that gives the sum of their chances exactly; where it bends, the sum is off by no more than the bend.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.estimation.calibration import Calibrator, Floats
from monitor.estimation.cbpe import BinaryCbpe, Estimate
from monitor.estimation.expected import CURVE_ROUNDING, ExpectedCounts
from monitor.estimation.sampling import AUC_BOTH, standard_error
from monitor.profiles.scored import UNITS_PER_SCORE, ScoreCells, ScoredProfile, cell_edges, is_margin

Indexes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GridEstimate:
    """An estimate and `slack`: how far it may be from that of the rows; nan where no bound is known."""

    estimate: Estimate
    slack: float


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of one predicted class: numbers, rows, sums of chances, and how far those sums may be off."""

    cells: Indexes
    rows: Floats
    chances: Floats
    slack: Floats
    spread: Floats  # between the chances of a cell's lowest and highest score


def estimate_grid(estimator: BinaryCbpe, scored: ScoredProfile) -> dict[str, GridEstimate]:
    """Every metric of the window's scored predictions, each with the bound of the grid's error.

    The bound of counts, and of what follows from them, takes every cell's slack against the metric. That of AUC is the
    total variation by which both classes' scores may be off, and the order within cells: of n rows with chances from a
    to b, at most n² (b - a) / 8 pairs beyond one half. Average precision has no bound: its slack is nan.
    """
    hits = _cells(estimator.calibrator, scored.positive)
    misses = _cells(estimator.calibrator, scored.negative)
    counts = _counts(hits, misses, 0.0)
    cells, at = np.unique(np.concatenate([hits.cells, misses.cells]), return_inverse=True)
    rows = _sums(at, [hits.rows, misses.rows], cells.size)
    positives = _sums(at, [hits.chances, misses.chances], cells.size)
    found = estimator.estimate_counts(counts, cells.astype(np.float64), rows, positives)
    n = found["auc"].n
    found["auc"] = Estimate(found["auc"].value, standard_error("auc", estimator.errors.get(AUC_BOTH, math.nan), n), n)
    worst, best = _counts(hits, misses, -1.0).metrics, _counts(hits, misses, 1.0).metrics
    slack = {
        metric: max(abs(worst[metric] - value), abs(best[metric] - value)) for metric, value in counts.metrics.items()
    }
    slack["auc"] = _auc_slack(hits, misses, rows, at)
    return {metric: GridEstimate(estimate, slack.get(metric, math.nan)) for metric, estimate in found.items()}


def _sums(at: Indexes, parts: list[Floats], size: int) -> Floats:
    return np.bincount(at, np.concatenate(parts), minlength=size).astype(np.float64)


def _cells(calibrate: Calibrator, scores: ScoreCells) -> _Cells:
    ordered = sorted(scores.cells.items())  # sums of floats depend on their order, stored cells have none
    cells = np.asarray([cell for cell, _ in ordered], np.int64)
    rows = np.asarray([n for _, (n, _) in ordered], np.float64)
    totals = np.asarray([total for _, (_, total) in ordered], np.float64) / UNITS_PER_SCORE
    low, high = cell_edges(cells)
    centre = np.clip(totals / rows, low, high) if rows.size else totals
    least, chance, most = (calibrate(at) for at in (low, centre, high))
    bend = np.maximum(chance - least, most - chance)
    # Over a straight line the mean score gives the mean chance, but for the rounding of scores to units.
    rounding = np.minimum(0.5 / UNITS_PER_SCORE / np.maximum(high - low, 1e-300), 1.0) * (most - least)
    slack = np.where(_is_straight(calibrate, low, high) & ~is_margin(cells), rounding, bend)
    return _Cells(cells, rows, rows * chance, rows * slack, most - least)


def _is_straight(calibrate: Calibrator, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Whether no breakpoint lies strictly between the two."""
    first = np.searchsorted(calibrate.scores, low, side="right")
    return np.asarray(np.searchsorted(calibrate.scores, high, side="left") <= first)


def _counts(hits: _Cells, misses: _Cells, slack: float) -> ExpectedCounts:
    """The expected confusion when all cells' slack, times `slack`, goes in the model's favour."""
    tp = float(np.clip(hits.chances + slack * hits.slack, 0.0, hits.rows).sum())
    fn = float(np.clip(misses.chances - slack * misses.slack, 0.0, misses.rows).sum())
    return ExpectedCounts(tp, float(hits.rows.sum()) - tp, fn, float(misses.rows.sum()) - fn)


def _auc_slack(hits: _Cells, misses: _Cells, rows: Floats, at: Indexes) -> float:
    off = float(hits.slack.sum() + misses.slack.sum())
    positives = float(hits.chances.sum() + misses.chances.sum()) - off
    negatives = float(rows.sum()) - positives - 2 * off
    if positives <= 0 or negatives <= 0:
        return 1.0
    spread = np.zeros_like(rows)
    np.maximum.at(spread, at, np.concatenate([hits.spread, misses.spread]))
    order = float((rows**2 * spread).sum()) / 8 / (positives * negatives)
    off += CURVE_ROUNDING
    return min(1.0, off / positives + off / negatives + order)
