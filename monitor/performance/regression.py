"""Errors of a regression, in the label's unit."""

from __future__ import annotations

import math

from monitor.performance.intervals import loss_point, mean_point
from monitor.points import Point, point, undefined
from monitor.profiles import ErrorProfile

QUANTILES = (0.1, 0.5, 0.9)
_NONE = "no labelled number in this window"


def regression_points(errors: ErrorProfile) -> list[Point]:
    """`mae`, `rmse`, `bias` (mean of prediction - label), `mape`, `r2`, and the pinball loss at 0.1, 0.5 and 0.9."""
    n = errors.n
    return [
        loss_point("mae", errors.absolute, errors.square, n, _NONE),
        rmse(errors),
        mean_point("bias", errors.total, errors.square, n, _NONE),
        loss_point("mape", errors.percentage, errors.percentage_square, n, _NONE),
        r2(errors),
        *(pinball(errors, quantile) for quantile in QUANTILES),
    ]


def rmse(errors: ErrorProfile) -> Point:
    """The root of the mean squared error; its interval is the mean square's, rooted."""
    square = loss_point("rmse", errors.square, errors.fourth, errors.n, _NONE)
    if square.value is None:
        return square
    low, high = (math.sqrt(bound) if bound is not None else None for bound in (square.low, square.high))
    return Point("rmse", math.sqrt(square.value), square.n, "", low, high)


def r2(errors: ErrorProfile) -> Point:
    """The share of the labels' variance that is explained, 1 - Σe² / Σ(y - mean)²; below 0 is worse than their mean.

    Its error is the delta method's: with A and B the two means, a row moves the value by
    (A (d² - B) / B - (e² - A)) / B, where d = y - mean.
    """
    n, labels = errors.n, errors.labels
    if n < 2:
        return undefined("r2", n, f"{n} labelled rows, 2 needed" if n else _NONE)
    if labels.m2 <= 0:
        return undefined("r2", n, f"all {n} labels are the same")
    ratio = errors.square / labels.m2
    # Where an error is astronomical these overflow, to infinity (a power would raise), and there is no interval.
    moved = errors.fourth - 2 * ratio * labels.cross_square + ratio * ratio * labels.m4
    error = math.sqrt(max(moved, 0.0)) / labels.m2 if math.isfinite(moved) else math.nan
    return point("r2", 1 - ratio, n, error=error)


def pinball(errors: ErrorProfile, quantile: float) -> Point:
    """The pinball loss of the predictions taken as this quantile of the label, named pinball_10 for 0.1.

    A label above the prediction costs `quantile` per unit, one below it 1 - `quantile` (Koenker, Bassett 1978).
    """
    above, below = (errors.absolute - errors.total) / 2, (errors.absolute + errors.total) / 2
    total = quantile * above + (1 - quantile) * below
    square = quantile**2 * (errors.square - errors.over_square) + (1 - quantile) ** 2 * errors.over_square
    name = f"pinball_{round(quantile * 100)}"
    return loss_point(name, total, square, errors.n, _NONE)
