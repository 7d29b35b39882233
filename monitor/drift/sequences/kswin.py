"""KSWIN: the newest values against earlier ones of a sliding window, by the Kolmogorov-Smirnov distance."""

from __future__ import annotations

import random

import numpy as np

from monitor.drift.sequences.method import SequenceMethod, Values

WINDOW = 60
RECENT = 20
SEED = 42


class Kswin(SequenceMethod):
    """The last 20 values against 20 drawn at random from the 40 before them; it sees changes of spread and shape too.

    The draws are those of River's KSWIN with seed 42, and so are the distances until the first alarm; a test holds the
    two equal. River computes a p-value by SciPy at each step, which is too slow to calibrate with.
    """

    name = "kswin"
    source = "Raab, Heusinger, Schleif 2020; River's KSWIN (window 60, 20 recent)"
    needs_level = False
    least = WINDOW
    simulated = 1_000_000

    def statistics(self, paths: Values, most: float = np.inf) -> Values:
        """The Kolmogorov-Smirnov distance between the newest and the drawn values, from 0 to 1."""
        found = np.zeros_like(paths)
        draws = random.Random(SEED)
        for end in range(WINDOW, paths.shape[1] + 1):
            window = paths[:, end - WINDOW : end]
            drawn = draws.sample(range(WINDOW - RECENT), RECENT)
            found[:, end - 1] = _distance(window[:, drawn], window[:, WINDOW - RECENT :])
        return np.minimum(found, most)


def _distance(a: Values, b: Values) -> Values:
    """Per path: the largest difference of the two samples' distribution functions, at the end of each run of ties."""
    both = np.hstack([a, b])
    order = np.argsort(both, axis=1)
    ranked = np.take_along_axis(both, order, axis=1)
    steps = np.where(order < a.shape[1], 1.0 / a.shape[1], -1.0 / b.shape[1])
    last = np.append(ranked[:, 1:] > ranked[:, :-1], np.ones((both.shape[0], 1), dtype=np.bool_), axis=1)
    return np.asarray(np.abs(np.where(last, np.cumsum(steps, axis=1), 0.0)).max(axis=1), dtype=np.float64)


kswin = Kswin()
