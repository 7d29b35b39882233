"""The drift methods: distances between two columns on the same frozen bins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.plugins import DRIFT_METHODS

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DriftMethod:
    """A distance between the reference's and the window's counts on the same bins; 0 means equal shares.

    `largest` is its upper bound (inf where there is none) and `symmetric` whether the order of the two matters.
    """

    name: str
    distance: Callable[[Counts, Counts], float]
    largest: float
    symmetric: bool
    source: str

    def __call__(self, reference: Counts, current: Counts) -> float:
        """The distance; nan when either side has no rows."""
        if not reference.sum() or not current.sum():
            return float("nan")
        return self.distance(reference / reference.sum(), current / current.sum())


def get_method(name: str) -> DriftMethod:
    """The drift method of this name. Raises ConfigError naming the methods there are."""
    method: DriftMethod = DRIFT_METHODS.load(name)
    return method
