"""How far chance alone takes a metric from what is estimated: standard errors learnt from labelled rows.

Every error here shrinks with the root of the number of rows, so one number per metric is kept: the standard error of a
single row. Formulas: NannyML 0.13.1's, which takes each metric as a mean over the rows that it is about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RESAMPLES = 50
MOST_RESAMPLED = 50_000
# NannyML found the errors of classes, taken together, to be a fifth too small.
MULTICLASS_AUC_FACTOR = 1.2
AUC_BOTH = "auc_both_classes"
"""AUC's error where both classes are samples (DeLong et al. 1988). NannyML's `auc` takes the commoner one as known,
and its 95 % interval held the realised AUC in 84 % of windows of a thousand car loans."""
COUNTS = ("true_positives", "false_positives", "false_negatives", "true_negatives")


def standard_error(metric: str, error_of_one: float, n: int) -> float:
    """The standard error over n rows: falling with the root of n, but growing with it for counts."""
    if not n:
        return math.nan
    return error_of_one * math.sqrt(n) if metric in COUNTS else error_of_one / math.sqrt(n)


def binary_errors(positive: Bools, predicted: Bools, scores: Floats, seed: int = 0) -> dict[str, float]:
    """The standard error of one row for every metric of a binary model; nan where there is nothing to learn it from."""
    errors = {metric: _root(v) for metric, v in _variances(positive, predicted).items()}
    tp, fp, fn = _counts(positive, predicted)[:3]
    if tp + fp + fn:
        errors["f1"] *= (tp + fp + fn) / (tp + 0.5 * (fp + fn))
    errors["auc"] = _root(_auc_variance(positive, scores))
    errors[AUC_BOTH] = _root(_rank_variance(positive, scores) + _rank_variance(~positive, -scores))
    resampled = np.random.RandomState(seed)
    errors["pr_auc"] = _root(_average_precision_variance(positive, scores, resampled))
    return errors


def multiclass_errors(
    positive: Sequence[Bools], predicted: Sequence[Bools], scores: Sequence[Floats], seed: int = 0
) -> dict[str, float]:
    """The same for the mean over classes, each of which is one against the rest; `accuracy` is of the rows."""
    classes = [_variances(p, q) for p, q in zip(positive, predicted, strict=True)]
    k = len(classes)
    errors = {
        metric: _root(math.fsum(c[metric] for c in classes)) / k
        for metric in ("precision", "recall", "specificity", "f1")
    }
    right = np.any([p & q for p, q in zip(positive, predicted, strict=True)], axis=0)
    errors["accuracy"] = float(np.std(right)) if right.size else math.nan
    ranks = [_auc_variance(p, s) for p, s in zip(positive, scores, strict=True)]
    errors["auc"] = _root(math.fsum(ranks)) / k * MULTICLASS_AUC_FACTOR
    resampled = np.random.RandomState(seed)
    steps = [_average_precision_variance(p, s, resampled) for p, s in zip(positive, scores, strict=True)]
    errors["pr_auc"] = _root(math.fsum(steps) / k)
    return errors


def _variances(positive: Bools, predicted: Bools) -> dict[str, float]:
    """Variance of one row's contribution, over the share of rows that contribute."""
    tp, fp, fn, tn = _counts(positive, predicted)
    n = positive.size
    return {
        "accuracy": _share_variance(tp + tn, n, n),
        "precision": _share_variance(tp, tp + fp, n),
        "recall": _share_variance(tp, tp + fn, n),
        "specificity": _share_variance(tn, tn + fp, n),
        "f1": _share_variance(tp, tp + fp + fn, n),
        "true_positives": _share_variance(tp, n, n),
        "false_positives": _share_variance(fp, n, n),
        "false_negatives": _share_variance(fn, n, n),
        "true_negatives": _share_variance(tn, n, n),
    }


def _counts(positive: Bools, predicted: Bools) -> tuple[int, int, int, int]:
    tp, hits = int((positive & predicted).sum()), int(predicted.sum())
    fn = int(positive.sum()) - tp
    return tp, hits - tp, fn, positive.size - hits - fn


def _share_variance(part: int, whole: int, n: int) -> float:
    return part / whole * (1 - part / whole) * n / whole if whole else math.nan


def _auc_variance(positive: Bools, scores: Floats) -> float:
    """As if the rarer class alone were a sample."""
    return _rank_variance(~positive, -scores) if positive.mean() > 0.5 else _rank_variance(positive, scores)


def _rank_variance(positive: Bools, scores: Floats) -> float:
    """Variance over the positives of the share of negatives ranked below, ties counting half; over their share."""
    from scipy.stats import rankdata

    if positive.all() or not positive.any():
        return math.nan
    below = rankdata(scores)[positive] - rankdata(scores[positive])
    return float(np.var(below / (~positive).sum())) * positive.size / int(positive.sum())


def _average_precision_variance(positive: Bools, scores: Floats, resampled: np.random.RandomState) -> float:
    """Variance between resamples of the rows, times their size."""
    from sklearn.metrics import average_precision_score

    if not positive.any():
        return math.nan
    size = min(positive.size // 2, MOST_RESAMPLED)
    found = []
    for _ in range(RESAMPLES):
        chosen = resampled.choice(positive.size, size, replace=True)
        if positive[chosen].any():
            found.append(average_precision_score(positive[chosen], scores[chosen]))
    return float(np.var(found)) * size if found else math.nan


def _root(variance: float) -> float:
    return math.sqrt(max(variance, 0.0)) if not math.isnan(variance) else math.nan
