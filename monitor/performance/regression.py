"""Errors of a regression, in the label's unit."""

from __future__ import annotations

import math

from monitor.points import Point, point, undefined
from monitor.profiles import ErrorProfile


def regression_points(errors: ErrorProfile) -> list[Point]:
    """`mae`, `rmse` and `bias` (mean of prediction - label) with standard errors."""
    n = errors.n
    if not n:
        return [undefined(metric, 0, "no labelled number in this window") for metric in ("mae", "rmse", "bias")]
    mean_absolute, mean_square, bias = errors.absolute / n, errors.square / n, errors.total / n
    return [
        point("mae", mean_absolute, n, error=math.sqrt(max(mean_square - mean_absolute**2, 0.0) / n)),
        point("rmse", math.sqrt(mean_square), n),
        point("bias", bias, n, error=math.sqrt(max(mean_square - bias**2, 0.0) / n)),
    ]
