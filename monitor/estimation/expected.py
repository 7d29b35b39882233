"""Metrics of classes from chances instead of labels.

Where the chance of a positive is p, a predicted positive counts as p true positives and 1 - p false ones. Whatever is
computed from such counts is an expectation, to first order, of the metric that labels will give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Chances that are all but zero would otherwise divide each other.
_DECIMALS = 5
CURVE_ROUNDING = 2e-5
"""How far two curves, rounded at both ends, may be apart by that alone."""


@dataclass(frozen=True, slots=True)
class ExpectedCounts:
    """The expected confusion of one class; fractions of rows, summed."""

    tp: float
    fp: float
    fn: float
    tn: float

    @classmethod
    def of(cls, chances: Floats, predicted: NDArray[np.bool_]) -> ExpectedCounts:
        tp, fn = float(chances[predicted].sum()), float(chances[~predicted].sum())
        return cls(tp, int(predicted.sum()) - tp, fn, int((~predicted).sum()) - fn)

    @property
    def n(self) -> float:
        return self.tp + self.fp + self.fn + self.tn

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric that follows from the counts; 0 where there is nothing to divide by."""
        tp, fp, fn, tn = self.tp, self.fp, self.fn, self.tn
        return {
            "accuracy": _ratio(tp + tn, self.n),
            "precision": _ratio(tp, tp + fp),
            "recall": _ratio(tp, tp + fn),
            "specificity": _ratio(tn, tn + fp),
            "f1": _ratio(tp, tp + 0.5 * (fp + fn)),
            "true_positives": tp,
            "false_positives": fp,
            "false_negatives": fn,
            "true_negatives": tn,
        }


def by_score(scores: Floats, chances: Floats) -> tuple[Floats, Floats, Floats]:
    """A cell per distinct score: the score, how many rows have it, and the sum of their chances."""
    distinct, cell = np.unique(scores, return_inverse=True)
    rows = np.bincount(cell, minlength=distinct.size).astype(np.float64)
    return distinct, rows, np.bincount(cell, chances, minlength=distinct.size).astype(np.float64)


def expected_auc(scores: Floats, rows: Floats, positives: Floats) -> float:
    """Area under the expected ROC curve; nan where only one class is expected.

    Cells of equal shape: each cell's score, how many rows it holds, and the sum of their chances. Rows of one cell
    tie, as rows of one score do: they count half.
    """
    true, false = _curves(scores, rows, positives)
    if not true[-1] or not false[-1]:
        return float("nan")
    return float(np.trapezoid(true / true[-1], false / false[-1]))


def expected_average_precision(scores: Floats, rows: Floats, positives: Floats) -> float:
    """Sum of precisions weighted by the gain in recall; nan where no positive is expected.

    Rows of one cell count one after the other, each with the cell's mean chance. Above them are `above` rows with
    `true` positives, so the i-th has the precision (true + i p) / (above + i), and these sum by harmonic numbers.
    """
    from scipy.special import digamma

    order = np.argsort(-scores, kind="stable")
    rows, positives = rows[order], positives[order]
    total = positives.sum()
    if not total:
        return float("nan")
    above, true = np.cumsum(rows) - rows, np.cumsum(positives) - positives
    p = positives / rows
    harmonic = digamma(above + rows + 1) - digamma(above + 1)
    return float(np.sum(p * (rows * p + (true - p * above) * harmonic)) / total)


def _curves(scores: Floats, rows: Floats, positives: Floats) -> tuple[Floats, Floats]:
    """Expected true and false positives above each cell's score, from none to all."""
    if not scores.size:
        return np.zeros(1), np.zeros(1)
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(positives[order])
    false = np.cumsum(rows[order]) - true
    return np.r_[0.0, np.round(true, _DECIMALS)], np.r_[0.0, np.round(false, _DECIMALS)]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
