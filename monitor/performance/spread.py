"""How far single rows move the means over classes: their intervals come from it.

One row is in every class's numbers, so the classes' own errors can't be added. The influence of each row on the mean
is worked out on a bounded sample of rows; its variance over the number of rows there are is the mean's (infinitesimal
jackknife: Jaeckel 1972; Efron 1982).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.performance.ranks import row_influences
from monitor.profiles import Spread
from monitor.profiles.labelled import CALIBRATION_BINS

SAMPLE_ROWS = 2000

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


def score_spread(scores: Numbers, truth: Flags) -> Spread:
    """Of the mean AUC and average precision; rows × classes, each class against the rest."""
    pairs = [row_influences(scores[:, k], truth[:, k]) for k in range(scores.shape[1])] if scores.ndim == 2 else []
    found = [pair for pair in pairs if pair is not None]
    if not found:
        return Spread()
    return _spread({"auc": [pair[0] for pair in found], "pr_auc": [pair[1] for pair in found]})


def set_spread(predicted: Flags, truth: Flags) -> Spread:
    """Of the mean precision, recall and F1 of sets of classes; rows × classes. Classes that count as 0 move nothing."""
    if predicted.ndim != 2 or not predicted.size:
        return Spread()
    right = predicted & truth
    return _spread(
        {
            "precision": _ratios(right, predicted.astype(np.float64)),
            "recall": _ratios(right, truth.astype(np.float64)),
            "f1": _ratios(2.0 * right, predicted.astype(np.float64) + truth),
        }
    )


def calibration_spread(scores: Numbers, truth: Flags) -> Spread:
    """Of the calibration error over all classes of probabilities in [0, 1]; rows × classes."""
    if scores.ndim != 2 or not scores.size:
        return Spread()
    place = np.minimum((scores * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = scores - truth
    signs = np.sign(np.bincount(place.ravel(), weights=gaps.ravel(), minlength=CALIBRATION_BINS))
    moved = signs[place] * gaps
    return _spread({"calibration_error": list((moved - moved.mean()).T)})


def _ratios(above: NDArray[Any], below: Numbers) -> list[Numbers]:
    """The rows' influence on each class's ratio of two means."""
    means = below.mean(axis=0)
    values = np.divide(above.mean(axis=0), means, out=np.zeros(len(means)), where=means > 0)
    return [
        (above[:, k] - values[k] * below[:, k]) / means[k] if means[k] > 0 else np.zeros(len(above))
        for k in range(len(means))
    ]


def _spread(influences: dict[str, Sequence[Numbers]]) -> Spread:
    means = {metric: np.mean(np.array(rows), axis=0) for metric, rows in influences.items()}
    n = len(next(iter(means.values())))
    return Spread(n, {metric: math.fsum(values**2) for metric, values in means.items()})
