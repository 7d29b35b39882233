"""Confidence-based performance estimation (CBPE): what the labels will say, from how sure the model is.

The assumption, and the limit: scores mean what they meant in the baseline. CBPE sees when the model is less sure
because its inputs moved; it can't see that the same inputs now lead to other outcomes (concept drift). That is what the
realised metrics, and the estimation error, are for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.errors import InvalidValue
from monitor.estimation.calibration import Calibrator, Floats, fit_calibrator
from monitor.estimation.expected import ExpectedCounts, by_score, expected_auc, expected_average_precision
from monitor.estimation.sampling import COUNTS, binary_errors, multiclass_errors, standard_error

# NannyML draws its intervals at three standard errors.
NANNYML_RANGE = 3.0
_OVER_CLASSES = ("precision", "recall", "specificity", "f1")


class Estimate(msgspec.Struct, frozen=True):
    """An estimated metric over n rows with its standard error (of sampling); nan where it can't be told."""

    value: float
    error: float
    n: int

    def interval(self, errors: float = NANNYML_RANGE, highest: float = 1.0) -> tuple[float, float]:
        """The value give or take so many standard errors, within [0, highest]."""
        return max(0.0, self.value - errors * self.error), min(highest, self.value + errors * self.error)


class BinaryCbpe(msgspec.Struct, frozen=True, tag="cbpe"):
    """CBPE of a model with two classes. `errors` holds every metric's standard error of one row; `rows` the number of
    labelled rows it was fitted on."""

    positive: str
    calibrator: Calibrator
    errors: dict[str, float]
    rows: int

    def estimate(self, predictions: Sequence[Any], scores: Sequence[float] | Floats) -> dict[str, Estimate]:
        """Every metric of these rows; rows without a prediction or a finite score are left out."""
        raw = np.asarray(scores, np.float64)
        kept = np.isfinite(raw) & ~_missing(predictions)
        raw, predicted = raw[kept], _texts(predictions)[kept] == self.positive
        chances = self.calibrator(raw)
        return self.estimate_counts(ExpectedCounts.of(chances, predicted), *by_score(raw, chances))

    def estimate_counts(
        self, counts: ExpectedCounts, scores: Floats, rows: Floats, positives: Floats
    ) -> dict[str, Estimate]:
        """Every metric from expected counts, and from cells of one score each for what ranks the rows."""
        n = int(rows.sum())
        values = dict.fromkeys(counts.metrics, math.nan) if not n else counts.metrics
        values |= {
            "auc": expected_auc(scores, rows, positives),
            "pr_auc": expected_average_precision(scores, rows, positives),
        }
        return _with_errors(values, self.errors, n)


class MulticlassCbpe(msgspec.Struct, frozen=True, tag="cbpe_multiclass"):
    """CBPE of a model with more than two classes: each is calibrated against the rest, and rows then sum to one."""

    classes: tuple[str, ...]
    calibrators: tuple[Calibrator, ...]
    errors: dict[str, float]
    rows: int

    def chances(self, scores: Floats) -> Floats:
        """Calibrated chances per class, of shape (n, classes) as the scores; equal ones where all are zero."""
        calibrated = np.column_stack([calibrate(scores[:, i]) for i, calibrate in enumerate(self.calibrators)])
        total = calibrated.sum(axis=1, keepdims=True)
        even = np.full_like(calibrated, 1 / len(self.classes))
        np.divide(calibrated, total, out=even, where=total != 0)
        return even

    def estimate(
        self, predictions: Sequence[Any], scores: Mapping[str, Sequence[float] | Floats]
    ) -> dict[str, Estimate]:
        """Every metric of these rows, as means over classes; rows that lack a score of any class are left out.

        `accuracy` is of the rows. A predicted class that the baseline did not have counts as wrong.
        """
        table = _table(scores, self.classes, len(predictions))
        kept = np.isfinite(table).all(axis=1) & ~_missing(predictions)
        table, predicted = table[kept], _texts(predictions)[kept]
        n = len(table)
        if not n:
            return _with_errors(dict.fromkeys(self.errors, math.nan), self.errors, 0)
        chances = self.chances(table)
        hits = [predicted == name for name in self.classes]
        classes = [ExpectedCounts.of(chances[:, i], hit).metrics for i, hit in enumerate(hits)]
        values = {metric: float(np.mean([c[metric] for c in classes])) for metric in _OVER_CLASSES}
        values["accuracy"] = sum(c["true_positives"] for c in classes) / n
        ranked = [by_score(table[:, i], chances[:, i]) for i in range(len(self.classes))]
        values["auc"] = float(np.mean([expected_auc(*cells) for cells in ranked]))
        values["pr_auc"] = float(np.mean([expected_average_precision(*cells) for cells in ranked]))
        return _with_errors(values, self.errors, n)

    def confusion(self, predictions: Sequence[Any], scores: Mapping[str, Sequence[float] | Floats]) -> Floats:
        """Expected rows of each class (first axis) among those predicted as each (second), in `classes` order."""
        table = _table(scores, self.classes, len(predictions))
        kept = np.isfinite(table).all(axis=1) & ~_missing(predictions)
        chances, predicted = self.chances(table[kept]), _texts(predictions)[kept]
        return np.column_stack([chances[predicted == name].sum(axis=0) for name in self.classes])


def fit_cbpe(
    labels: Sequence[Any],
    predictions: Sequence[Any],
    scores: Sequence[float] | Floats | Mapping[str, Sequence[float] | Floats],
    positive: str | None = None,
    seed: int = 0,
) -> BinaryCbpe | MulticlassCbpe:
    """Fit CBPE on labelled rows.

    With `positive` the model is binary and `scores` are those of that class, shape (n,); else `scores` maps each class
    to its scores. Classes are compared as text. Rows that lack a label, a prediction or a finite score are left out.
    `seed` makes the resampling behind the interval of average precision repeatable. Raises InvalidValue when no row is
    left, or when neither `positive` nor scores per class are given.
    """
    absent = _missing(labels) | _missing(predictions)
    if positive is not None and not isinstance(scores, Mapping):
        raw = np.asarray(scores, np.float64)
        kept = np.isfinite(raw) & ~absent
        _some(kept)
        truth, predicted = _texts(labels)[kept] == positive, _texts(predictions)[kept] == positive
        errors = binary_errors(truth, predicted, raw[kept], seed)
        return BinaryCbpe(positive, fit_calibrator(raw[kept], truth), errors, int(kept.sum()))
    if not isinstance(scores, Mapping):
        raise InvalidValue("scores of more than two classes need a mapping from class to scores")
    classes = tuple(sorted(scores))
    table = _table(scores, classes, len(labels))
    kept = np.isfinite(table).all(axis=1) & ~absent
    _some(kept)
    found, predicted_class = _texts(labels)[kept], _texts(predictions)[kept]
    columns = [table[kept, i] for i in range(len(classes))]
    truths = [found == name for name in classes]
    errors = multiclass_errors(truths, [predicted_class == name for name in classes], columns, seed)
    calibrators = tuple(fit_calibrator(column, truth) for column, truth in zip(columns, truths, strict=True))
    return MulticlassCbpe(classes, calibrators, errors, int(kept.sum()))


def realised_band(values: Sequence[float], highest: float = 1.0) -> tuple[float, float]:
    """Mean give or take three deviations of a metric's realised values in blocks of the baseline, in [0, highest]."""
    known = np.asarray(values, np.float64)
    centre, deviation = float(np.nanmean(known)), float(np.nanstd(known))
    return max(0.0, centre - 3 * deviation), min(highest, centre + 3 * deviation)


def _with_errors(values: Mapping[str, float], errors: Mapping[str, float], n: int) -> dict[str, Estimate]:
    return {
        metric: Estimate(value, standard_error(metric, errors.get(metric, math.nan), n), n)
        for metric, value in values.items()
    }


def _table(scores: Mapping[str, Sequence[float] | Floats], classes: Sequence[str], n: int) -> Floats:
    """Scores as (n, classes); a class without scores is nan all the way down."""
    absent = np.full(n, np.nan)
    columns = [np.asarray(scores[name], np.float64) if name in scores else absent for name in classes]
    return np.column_stack(columns) if columns else np.empty((n, 0))


def _texts(values: Sequence[Any]) -> NDArray[np.str_]:
    return np.asarray([str(value) for value in values], dtype=np.str_)


def _missing(values: Sequence[Any]) -> NDArray[np.bool_]:
    return np.asarray([v is None or (isinstance(v, float) and math.isnan(v)) for v in values], dtype=np.bool_)


def _some(kept: NDArray[np.bool_]) -> None:
    if not kept.any():
        raise InvalidValue("no row has a label, a prediction and finite scores")


__all__ = ["COUNTS", "BinaryCbpe", "Estimate", "MulticlassCbpe", "fit_cbpe", "realised_band"]
