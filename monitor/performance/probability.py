"""Metrics of scores: how well they rank, and how good they are as probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping

from monitor.performance.intervals import at_least, error_of_mean, logit_bounds, loss_point, mean_point
from monitor.performance.ranks import rank_grid
from monitor.points import Point, point, undefined
from monitor.profiles import ProbabilityProfile, ScoreProfile, Spread

_NO_SCORES = "no labelled prediction has a score"


def ranking_points(scores: ScoreProfile) -> list[Point]:
    """`auc` (ROC, ties counting half) and `pr_auc` (average precision).

    Exact for one window. After a merge they come from a grid of 1/2048: the AUC is then off by at most half the share
    of (positive, negative) pairs that fall into one cell.
    """
    negatives, positives = scores.negatives, scores.positives
    n, found = negatives + positives, rank_grid(scores)
    if found is None:
        reason = f"all {n} labels are of one class" if n else _NO_SCORES
        return [undefined(metric, n, reason) for metric in ("auc", "pr_auc")]
    low, high = logit_bounds(found.auc, found.auc_error, min(negatives, positives))
    less, more = logit_bounds(found.average_precision, found.average_precision_error, positives)
    return [
        Point("auc", found.auc, n, "", low, high),
        Point("pr_auc", found.average_precision, n, "", less, more),
    ]


def one_vs_rest_points(classes: Mapping[str, ScoreProfile], spread: Spread) -> list[Point]:
    """`auc` and `pr_auc` as plain means over the classes that some labels have and some have not.

    `spread` says how far rows move them; without it, the classes' errors are added as if they went together.
    """
    ranked = [found for scores in classes.values() if (found := rank_grid(scores)) is not None]
    n = max((scores.negatives + scores.positives for scores in classes.values()), default=0)
    if not ranked:
        reason = f"all {n} labels are of one class" if n else _NO_SCORES
        return [undefined(metric, n, reason) for metric in ("auc", "pr_auc")]
    pairs = {
        "auc": [(found.auc, found.auc_error) for found in ranked],
        "pr_auc": [(found.average_precision, found.average_precision_error) for found in ranked],
    }
    points = []
    for metric, values in pairs.items():
        value = sum(v for v, _ in values) / len(values)
        error = spread.error(metric, n)
        together = sum(e for _, e in values) / len(values)
        low, high = logit_bounds(value, together if math.isnan(error) else error, n / len(ranked))
        points.append(Point(metric, value, n, "", low, high))
    return points


def probability_points(profile: ProbabilityProfile, spread: Spread | None = None) -> list[Point]:
    """`log_loss`, `brier` and `calibration_error`; undefined where a score is no probability.

    `spread` says how far rows move the calibration error, where each counts in several bins (multilabel).
    """
    n = profile.n
    if profile.outside:
        reason = f"{profile.outside} of {n + profile.outside} labelled predictions have no probability in 0 to 1"
        return [undefined(metric, n, reason) for metric in ("log_loss", "brier", "calibration_error")]
    return [
        loss_point("log_loss", profile.log_loss, profile.log_loss_square, n, _NO_SCORES),
        mean_point("brier", profile.brier, profile.brier_square, n, _NO_SCORES, 0.0),
        calibration_error(profile, spread or Spread()),
    ]


def calibration_error(profile: ProbabilityProfile, spread: Spread) -> Point:
    """The expected calibration error with ten bins of equal width: the mean over rows of
    |mean confidence - share that came true| of the row's bin (Naeini, Cooper, Hauskrecht 2015; Guo et al. 2017).

    The confidence is the probability of the positive class (binary), of the predicted class (multiclass), of each class
    (multilabel). The error is the delta method's: a row moves the value by its signed gap. Noise in the bins lifts the
    value of a perfectly calibrated model above 0, by about 0.25 / sqrt(n per bin).
    """
    if not profile.n:
        return undefined("calibration_error", 0, _NO_SCORES)
    cells = sum(rows for rows, _, _ in profile.bins.values())
    value = sum(abs(confidence - hits) for _, confidence, hits in profile.bins.values()) / cells
    error = spread.error("calibration_error", profile.n)
    if math.isnan(error):
        error = error_of_mean(value * profile.n, profile.gap_square, profile.n)
    return at_least(0.0, point("calibration_error", value, profile.n, error=error))
