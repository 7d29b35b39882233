"""Thresholds from the time between false alarms that one can live with, by simulation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from monitor.drift.sequences.method import HELD, SequenceMethod, Values, get_sequence_method
from monitor.errors import InvalidValue

LEAST_BASELINE = 5
SHORTEST, LONGEST = 20.0, 20_000.0
# The baseline's own size is rounded down to one of these, so that nearby ones share a simulation.
_SIZES = (5, 7, 10, 14, 20, 28, 40, 56, 80, 113, 160, 320, 640, 1280)
_CORRELATIONS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def calibrate(
    method: SequenceMethod,
    expected_run_length: float,
    baseline_size: int | None = None,
    autocorrelation: float = 0.0,
    resampled: Sequence[float] | None = None,
) -> float:
    """The threshold with which a sequence that never changes runs this long before its first alarm, on average.

    More exactly: with a chance of at least 1/e it runs longer, as with the geometric run length of this mean. This says
    the same where the level is known, and still means something where it is not: `baseline_size` is the number of
    values that mean and standard deviation were estimated from, which makes false alarms likelier, and so does
    `autocorrelation` between neighbours. Values are taken for normal, of an autoregression of order 1; with
    `resampled`, a baseline's own values, they are drawn from these in blocks, which keeps their shape and how
    neighbours go together.

    Raises InvalidValue for a run length outside 20 … 20,000.
    """
    if not SHORTEST <= expected_run_length <= LONGEST:
        raise InvalidValue(
            f"expected_run_length {expected_run_length:g} is out of range; accepted: {SHORTEST:g} to {LONGEST:g}"
        )
    length = math.ceil(expected_run_length)
    if resampled is not None:
        return _resampled_threshold(method.name, length, tuple(float(value) for value in resampled))
    size = max((size for size in _SIZES if size <= (baseline_size or math.inf)), default=_SIZES[0])
    nearest = min(_CORRELATIONS, key=lambda known: abs(known - autocorrelation))
    return _normal_threshold(method.name, length, size if baseline_size else None, nearest)


@lru_cache(maxsize=256)
def _normal_threshold(name: str, length: int, size: int | None, autocorrelation: float) -> float:
    return _threshold(get_sequence_method(name), length, size, autocorrelation, None)


@lru_cache(maxsize=64)
def _resampled_threshold(name: str, length: int, values: tuple[float, ...]) -> float:
    return _threshold(get_sequence_method(name), length, len(values), 0.0, values)


def _threshold(
    method: SequenceMethod, length: int, size: int | None, autocorrelation: float, values: tuple[float, ...] | None
) -> float:
    random = np.random.default_rng([length, size or 0])
    count = int(np.clip(method.simulated // length, 100, 1000))
    paths = standardised_paths(random, count, length, size, autocorrelation, values)
    highest = np.sort(method.highest(paths))
    # One standard error above the quantile: the simulation itself must not shorten the run length.
    share = math.exp(-1) + math.sqrt(math.exp(-1) * (1 - math.exp(-1)) / count)
    return float(highest[min(count - 1, math.ceil(share * count) - 1)])


def standardised_paths(
    random: np.random.Generator,
    count: int,
    length: int,
    size: int | None = None,
    autocorrelation: float = 0.0,
    values: tuple[float, ...] | None = None,
) -> Values:
    """(count, length) values under no change, each path standardised by a baseline of its own of `size` values."""
    drawn = size or 0
    if values:
        paths = _blocks(random, count, length + drawn, values)
    else:
        paths = _autoregression(random.standard_normal((count, length + drawn)), autocorrelation)
    if not drawn:
        return np.clip(paths, -HELD, HELD)
    level, scale = paths[:, :drawn].mean(axis=1), paths[:, :drawn].std(axis=1, ddof=1)
    scale = np.where(scale > 0, scale, np.inf)
    standard = (paths[:, drawn:] - level[:, None]) / scale[:, None]
    return np.asarray(np.clip(standard, -HELD, HELD), dtype=np.float64)


def autocorrelation_of(baseline: Values) -> float:
    """Lag-1 autocorrelation, corrected for its bias in few values (Kendall 1954); 0 where it may be chance."""
    deviations = baseline - baseline.mean()
    found = float((deviations[1:] * deviations[:-1]).sum() / (deviations**2).sum())
    if found * math.sqrt(baseline.size) < 1.645:
        return 0.0
    return min(found + (1 + 4 * found) / baseline.size, _CORRELATIONS[-1])


def _autoregression(noise: Values, correlation: float) -> Values:
    """Paths of variance 1 in which neighbours correlate so."""
    if correlation:
        scale = math.sqrt(1 - correlation**2)
        for time in range(1, noise.shape[1]):
            noise[:, time] = correlation * noise[:, time - 1] + scale * noise[:, time]
    return noise


def _blocks(random: np.random.Generator, count: int, length: int, values: tuple[float, ...]) -> Values:
    """Paths of blocks that start anywhere in the values (circular block bootstrap; Politis, Romano 1992)."""
    size = math.ceil(len(values) ** (1 / 3))
    starts = random.integers(0, len(values), (count, math.ceil(length / size)))
    index = (starts[:, :, None] + np.arange(size)) % len(values)
    return np.asarray(values)[index.reshape(count, -1)[:, :length]]
