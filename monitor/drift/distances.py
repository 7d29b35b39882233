"""Distances between shares on the same bins. Each is a drift method of its own."""

from __future__ import annotations

import math

import numpy as np

from monitor.drift.methods import Counts, DriftMethod

PSI_FLOOR = 1e-4


def _jensenshannon(p: Counts, q: Counts) -> float:
    middle = (p + q) / 2
    divergence = (_entropy_part(p, middle) + _entropy_part(q, middle)) / 2
    return math.sqrt(max(divergence, 0.0))


def _entropy_part(p: Counts, middle: Counts) -> float:
    held = p > 0
    return float((p[held] * np.log(p[held] / middle[held])).sum())


def _hellinger(p: Counts, q: Counts) -> float:
    return math.sqrt(max(1.0 - float(np.sqrt(p * q).sum()), 0.0))


def _psi(p: Counts, q: Counts) -> float:
    p, q = np.maximum(p, PSI_FLOOR), np.maximum(q, PSI_FLOOR)
    return float(((p - q) * np.log(p / q)).sum())


def _kl_div(p: Counts, q: Counts) -> float:
    p, q = np.maximum(p, PSI_FLOOR), np.maximum(q, PSI_FLOOR)
    return max(_entropy_part(p / p.sum(), q / q.sum()), 0.0)


def _tvd(p: Counts, q: Counts) -> float:
    return float(np.abs(p - q).sum()) / 2


def _linf(p: Counts, q: Counts) -> float:
    return float(np.abs(p - q).max())


jensenshannon = DriftMethod(
    "jensenshannon",
    "Lin 1991; the distance, natural logarithm (as SciPy's)",
    _jensenshannon,
    largest=math.sqrt(math.log(2)),
    inclusive=True,
)
hellinger = DriftMethod("hellinger", "Hellinger 1909", _hellinger, inclusive=True)
psi = DriftMethod(
    "psi",
    f"population stability index; shares below {PSI_FLOOR} count as {PSI_FLOOR}",
    _psi,
    largest=math.inf,
    inclusive=True,
)
kl_div = DriftMethod(
    "kl_div",
    f"Kullback, Leibler 1951; reference from current, in nats; shares below {PSI_FLOOR} count as {PSI_FLOOR}",
    _kl_div,
    largest=math.inf,
    symmetric=False,
    inclusive=True,
)
tvd = DriftMethod("tvd", "total variation distance: half the sum of the shares' differences", _tvd, inclusive=True)
linf = DriftMethod("linf", "L-infinity: the largest difference of a share", _linf, inclusive=True)
