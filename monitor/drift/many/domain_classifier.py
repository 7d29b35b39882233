"""The domain classifier: if a model can tell the window's rows from the baseline's, they differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.drift.many.encoding import Encoded, Matrix, narrowed
from monitor.drift.many.permutation import Contrast, Labels, Values
from monitor.drift.many.pooled import PooledMethod, most_moved

FOLDS = 5
PENALTY = 0.3
# Many products say nothing; a smaller weight is a larger penalty on them.
PRODUCT_WEIGHT = 0.3
MOST_PAIRED = 20
SMALLEST = 0.55


def held_out_auroc(features: Matrix, random: np.random.Generator) -> Contrast:
    """The AUROC of a linear classifier on rows that it was not trained on, the mean of five folds.

    The classifier is ridge regression on the labels, with the ranking of Fisher's discriminant; all looks share one
    factorisation per fold, which is what makes a permutation test affordable.
    """
    fold = random.permutation(features.shape[0]) % FOLDS
    noise = 1e-9 * random.standard_normal((features.shape[0], 1))
    narrow = features.astype(np.float32)  # half the time, and ranks need no more
    gram = features.T @ features

    def auroc(labels: Labels) -> Values:
        wanted = (labels - labels.mean(axis=0)).astype(np.float32)
        sums = narrow.T @ wanted
        found = []
        for held in (fold == k for k in range(FOLDS)):
            inside, trained = narrow[held], int((~held).sum())
            penalty = PENALTY * trained * np.eye(features.shape[1])
            weights = np.linalg.solve(gram - inside.T @ inside + penalty, sums - inside.T @ wanted[held])
            # Rows that are equal in every feature share a prediction; noise puts them in any order.
            found.append(_auroc(inside @ weights.astype(np.float32) + noise[held], labels[held]))
        return np.asarray(np.mean(found, axis=0), dtype=np.float64)

    return auroc


def _auroc(scores: Matrix, labels: NDArray[np.bool_]) -> Values:
    """Per column: the chance that a row labelled True is scored above one that is not; 0.5 where one kind is absent."""
    ranked = np.take_along_axis(labels, np.argsort(scores, axis=0), axis=0)
    above = np.cumsum(~ranked, axis=0)
    pairs = labels.sum(axis=0) * (~labels).sum(axis=0)
    return np.where(pairs > 0, (above * ranked).sum(axis=0) / np.maximum(pairs, 1), 0.5)


def _contrast(encoded: Encoded, random: np.random.Generator) -> Contrast:
    linear = narrowed(encoded.matrix, random)
    left, right = np.triu_indices(min(linear.shape[1], MOST_PAIRED), 1)
    # Squares tell a column whose spread changed, products columns that no longer go together.
    squares, products = _standard(linear**2), _standard(linear[:, left] * linear[:, right])
    return held_out_auroc(np.hstack([linear, squares, PRODUCT_WEIGHT * products]), random)


def _standard(features: Matrix) -> Matrix:
    """With mean 0 and variance 1, without those that hardly vary."""
    deviations = features.std(axis=0)
    telling = deviations > 0.1
    kept = features[:, telling]
    return np.asarray((kept - kept.mean(axis=0)) / deviations[telling], dtype=np.float64)


domain_classifier = PooledMethod(
    "domain_classifier",
    "Lopez-Paz, Oquab 2017; held-out AUROC (five folds) of a linear classifier on the encoded columns, "
    "their squares and products; chance by permutation",
    "AUROC of telling the window from the baseline",
    SMALLEST,
    _contrast,
    most_moved,
)
