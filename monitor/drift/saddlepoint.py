"""Tails of a difference of two means of scores, right far out and at fifty rows, without drawing samples.

A linear statistic D = mean score of n rows - mean score of N rows, both drawn from the shares p, has the cumulant
generating function K(t) = n log sum p exp(t s / n) + N log sum p exp(-t s / N). Its modified signed root r* is normal
to third order (Barndorff-Nielsen 1986; Lugannani, Rice 1980), where the plain z of a skewed score is wrong by orders of
magnitude.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 30
# Nearer than this the correction is nothing, and nothing over nothing to compute.
_NEAR = 0.5
_MOST_CORRECTION = 0.5
# Beyond this many deviations nothing is decided by the exact value any more.
_FAR = 40.0


def signed_roots(scores: Array, shares: Array, difference: Array, n: Array, total: Array) -> Array:
    """The normal deviate of each difference of means; sign as the difference, 0 where the score does not vary.

    `scores` and `shares` are (rows, bins), shares summing to 1 per row; `difference`, `n` (rows of the window) and
    `total` (rows of the reference) have one entry per row.
    """
    mean = (shares * scores).sum(axis=1, keepdims=True)
    spread = np.sqrt((shares * (scores - mean) ** 2).sum(axis=1))
    varies = spread > 1e-12
    scale = np.where(varies, spread, 1.0)
    # Bins without rows would make the largest exponent, beside which all others vanish.
    s = np.where(shares > 0, (scores - mean) / scale[:, None], 0.0)
    x = difference / scale * np.sqrt(1 / (1 / n + 1 / total))
    return np.where(varies, _roots(s, shares, x, n, total), 0.0)


def _roots(s: Array, p: Array, x: Array, n: Array, total: Array) -> Array:
    """r* for standardised scores; `x` is the difference in its standard deviations."""
    unit = np.sqrt(1 / n + 1 / total)
    up, down = 1 / (n * unit), -1 / (total * unit)
    t = np.clip(x, -_FAR, _FAR)
    low, high = np.full_like(t, -np.inf), np.full_like(t, np.inf)
    value = slope = curve = np.zeros_like(t)
    for _ in range(_STEPS):
        value, slope, curve = _cumulants(s, p, t, n, total, up, down)
        miss = slope - x
        high, low = np.where(miss > 0, t, high), np.where(miss > 0, low, t)
        if np.all(np.abs(miss) < 1e-9 * (1 + np.abs(x))):
            break
        step = np.clip(t - miss / np.maximum(curve, 1e-12), t - 10, t + 10)
        outside = (step <= low) | (step >= high)
        with np.errstate(invalid="ignore"):
            t = np.where(outside & np.isfinite(low + high), (low + high) / 2, step)
    w = np.sign(t) * np.sqrt(2 * np.maximum(t * x - value, 0.0))
    v = t * np.sqrt(np.maximum(curve, 1e-300))
    # At the edge of what is possible (no hit at all of a rare category) there is no saddlepoint, and the correction of
    # the root, otherwise a few hundredths, grows without end.
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = np.clip(np.nan_to_num(np.log(v / w) / w), -_MOST_CORRECTION, _MOST_CORRECTION)
    found: Array = np.where(np.abs(w) > _NEAR, w + correction, w)
    return np.clip(found, -_FAR, _FAR)


def _cumulants(
    s: Array, p: Array, t: Array, n: Array, total: Array, up: Array, down: Array
) -> tuple[Array, Array, Array]:
    """K and its first two derivatives at t."""
    value, slope, curve = np.zeros_like(t), np.zeros_like(t), np.zeros_like(t)
    for rows, factor in ((n, up), (total, down)):
        angle = (t * factor)[:, None] * s
        top = angle.max(axis=1, keepdims=True)
        weight = p * np.exp(angle - top)
        mass = weight.sum(axis=1)
        first = (weight * s).sum(axis=1) / mass
        second = (weight * s * s).sum(axis=1) / mass
        value = value + rows * (np.log(mass) + top[:, 0])
        slope = slope + rows * factor * first
        curve = curve + rows * factor**2 * (second - first**2)
    return value, slope, curve
