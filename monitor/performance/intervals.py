"""95 % intervals of shares, means and what is made of them. Each function names its source."""

from __future__ import annotations

import math
from collections.abc import Sequence

from monitor.points import Point, point, share_interval, share_point, undefined

Z = 1.96
Bounds = tuple[float, float]


def logit_bounds(value: float, error: float, n: float) -> Bounds:
    """The interval of an area in (0, 1): normal on the logit scale (Pepe 2003, 5.2.5), so it stays inside.

    A value of 0 or 1, whose error can't be told, gets the interval of a share of n draws.
    """
    if not 0 < value < 1 or error <= 0 or math.isnan(error):
        return share_interval(min(max(value, 0.0), 1.0), n)
    centre, half = math.log(value / (1 - value)), Z * error / (value * (1 - value))
    return _logistic(centre - half), _logistic(centre + half)


def mean_point(metric: str, total: float, square: float, n: int, none: str, least: float = -math.inf) -> Point:
    """The mean of n values with their sum and square sum, and its normal interval, not below `least`.

    The interval is the central limit theorem's. `none` is the reason when there are no values.
    """
    if not n:
        return undefined(metric, 0, none)
    return at_least(least, point(metric, total / n, n, error=error_of_mean(total, square, n)))


def loss_point(metric: str, total: float, square: float, n: int, none: str) -> Point:
    """The mean of n losses, none below 0 and some far above the rest, with an interval that is normal on the log scale.

    So the upper end is further away than the lower, as it is for a skewed mean (delta method; Lehmann 1999, 2.5).
    """
    found = mean_point(metric, total, square, n, none)
    if not found.value or found.high is None:
        return found
    factor = math.exp((found.high - found.value) / found.value)
    return Point(metric, found.value, n, "", found.value / factor, found.value * factor)


def error_of_mean(total: float, square: float, n: int) -> float:
    """The standard error of a mean from n values' sum and square sum; nan where it can't be told."""
    if n < 2 or not math.isfinite(square) or not math.isfinite(total):
        return math.nan
    mean = total / n
    return math.sqrt(max(square / n - mean * mean, 0.0) / (n - 1))


def at_least(least: float, found: Point) -> Point:
    """The point with its lower bound not below `least`, the smallest value there can be."""
    if found.low is None or found.low >= least:
        return found
    return Point(found.metric, found.value, found.n, found.column, least, found.high)


def mean_of_shares(metric: str, shares: Sequence[tuple[int, int]], n: int) -> Point:
    """The mean of independent shares hits / of, those of 0 rows counting as 0 (scikit-learn's zero_division).

    The interval recovers each share's variance from its Wilson interval (MOVER: Zou, Donner 2008).
    """
    known = [share_point(metric, hits, of) for hits, of in shares if of]
    value = sum(p.value or 0.0 for p in known) / len(shares)
    below = math.sqrt(sum(((p.value or 0.0) - (p.low or 0.0)) ** 2 for p in known)) / len(shares)
    above = math.sqrt(sum(((p.high or 0.0) - (p.value or 0.0)) ** 2 for p in known)) / len(shares)
    return Point(metric, value, n, "", max(0.0, value - below), min(1.0, value + above))


def difference_bounds(a: Point, b: Point) -> Bounds:
    """The interval of a - b for two independent shares (Newcombe 1998, method 10)."""
    (p, low, high), (q, less, more) = parts(a), parts(b)
    gap = p - q
    return gap - math.hypot(p - low, more - q), gap + math.hypot(high - p, q - less)


def ratio_bounds(a: Point, b: Point) -> Bounds:
    """The interval of a / b for two independent shares, b > 0 (MOVER-R: Donner, Zou 2012)."""
    (p, low, high), (q, less, more) = parts(a), parts(b)
    bottom = p * q - math.sqrt(max((p * q) ** 2 - low * more * (2 * p - low) * (2 * q - more), 0.0))
    top = p * q + math.sqrt(max((p * q) ** 2 - high * less * (2 * p - high) * (2 * q - less), 0.0))
    scale_low, scale_high = more * (2 * q - more), less * (2 * q - less)
    return (max(bottom / scale_low, 0.0) if scale_low > 0 else 0.0), (top / scale_high if scale_high > 0 else math.inf)


def parts(share: Point) -> tuple[float, float, float]:
    """Value, low and high of a share that has them."""
    assert share.value is not None
    assert share.low is not None
    assert share.high is not None
    return share.value, share.low, share.high


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
