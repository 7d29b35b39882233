"""The interface of a sequence method, and where such methods are found."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from monitor.plugins import SEQUENCE_METHODS

Values = NDArray[np.float64]
HELD = 4.0
"""Standardised values are held within so many standard deviations: one outlier alone is no change of level."""


class SequenceMethod(Protocol):
    """Finds the first change in a sequence of standardised values (mean 0, standard deviation 1 until the change).

    Methods that learn the level from the sequence itself set `needs_level` to False; they are blind before the
    `least`-th value. `simulated` is how many values a calibration may take, for slow methods fewer.
    """

    name: str
    source: str
    needs_level: bool
    least: int
    simulated: int

    def statistics(self, paths: Values, most: float = np.inf) -> Values:
        """(paths, time) → (paths, time): what rises above a threshold when the sequence changed.

        Each value is a function of its path up to its time only, and is held at `most`: a sum that may grow without end
        would say for very long after the level has returned that it is away.
        """
        ...

    def highest(self, paths: Values) -> Values:
        """The largest statistic of each path: whether a threshold is ever exceeded."""
        return np.asarray(self.statistics(paths).max(axis=1), dtype=np.float64)


def get_sequence_method(name: str) -> SequenceMethod:
    """The sequence method of this name. Raises ConfigError naming the methods there are."""
    method: SequenceMethod = SEQUENCE_METHODS.load(name)
    return method
