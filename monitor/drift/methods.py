"""The drift methods: how far one column's values are from its reference, from the rows themselves or from profiles.

A method is a distance (0 means equal, more is further) or a test (its value is the p-value, less is further). Kedge's
own judgement (`judge.py`) takes any that has a `distance` on the counts of frozen bins, and finds the significance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitor.drift.samples import Sample, bin_samples
from monitor.plugins import DRIFT_METHODS
from monitor.profiles import ColumnProfile, NumericProfile
from monitor.profiles.columns import bin_counts
from monitor.schemas import FeatureKind

Counts = NDArray[np.float64]

NUMERIC = frozenset({FeatureKind.NUMERIC})
TWO_VALUES = frozenset({FeatureKind.CATEGORICAL, FeatureKind.BOOLEAN})
ANY_KIND = NUMERIC | TWO_VALUES


class Gives(StrEnum):
    """What a method's value is."""

    DISTANCE = "distance"
    P_VALUE = "p-value"


class Unchanged(StrEnum):
    """Which maps of both sides' values leave a method's value as it is."""

    INCREASING = "any increasing map"
    AFFINE = "shift and positive scale"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Measured:
    """One comparison. `value` is the distance or the p-value, `statistic` the distance or the test's statistic.

    The statistic of the rows themselves lies in [low, high]; both equal `statistic` where it is exact. All are nan, and
    `reason` says why, when there is nothing to compute.
    """

    value: float
    statistic: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DriftMethod:
    """One way to compare a column with its reference; `source` says who defined it.

    `distance` compares shares on the same bins (None: the method has none, and Kedge's judge can't use it). `largest`
    is the upper bound of its value (inf where there is none), `symmetric` says that the order of the two does not
    matter. A method works on columns of `kinds` (days, times and durations count as numbers, in seconds), its value is
    what it `gives`, and it says drift when the value passes `threshold` (`inclusive`: also when it equals it). `rows`
    computes it from finite numbers, `counts` from the rows per bin, `profiles` from two numeric profiles on the same
    bins; without them `distance` serves.
    """

    name: str
    source: str
    distance: Callable[[Counts, Counts], float] | None = None
    largest: float = 1.0
    symmetric: bool = True
    kinds: frozenset[FeatureKind] = ANY_KIND
    gives: Gives = Gives.DISTANCE
    threshold: float = 0.1
    inclusive: bool = False
    unchanged_by: Unchanged = Unchanged.INCREASING
    counts: Callable[[Counts, Counts], Measured] | None = None
    rows: Callable[[Counts, Counts], Measured] | None = None
    profiles: Callable[[NumericProfile, NumericProfile], Measured] | None = None

    def __call__(self, reference: Counts, current: Counts) -> float:
        """The distance between rows per bin; nan when either side has no rows or the method has no such distance."""
        if self.distance is None or not reference.sum() or not current.sum():
            return math.nan
        return self.distance(reference / reference.sum(), current / current.sum())

    def on_rows(self, reference: ArrayLike, current: ArrayLike) -> Measured:
        """The comparison of two columns of raw values; missing and infinite ones are left out. Never raises.

        What is compared in bins takes the bins of Kedge's baselines, frozen from the reference.
        """
        return self.on_samples(Sample.of(reference), Sample.of(current))

    def on_samples(self, reference: Sample, current: Sample) -> Measured:
        """As `on_rows`, of values that were read already."""
        if why := self._unfit(reference.kind, current.kind):
            return unmeasured(why)
        with np.errstate(all="ignore"):
            if self.rows is not None:
                return _checked(self.rows(reference.values.astype(np.float64), current.values.astype(np.float64)))
            return self._of_counts(*bin_samples(reference, current))

    def on_profiles(self, reference: ColumnProfile, current: ColumnProfile) -> Measured:
        """The comparison of two profiles on the same bins, with the bounds of what rows would give. Never raises."""
        kinds = [_kind_of(profile) if profile.n else None for profile in (reference, current)]
        if why := self._unfit(*kinds):
            return unmeasured(why)
        with np.errstate(all="ignore"):
            if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
                if reference.edges != current.edges:
                    return unmeasured("the two profiles are on different bins")
                if self.profiles is not None:
                    return _checked(self.profiles(reference, current))
            if self.rows is not None:
                return unmeasured(f"{self.name} needs the rows: profiles do not hold what it compares")
            if bin_counts(reference).size != bin_counts(current).size:
                return unmeasured("the two profiles are on different bins")
            return self._of_counts(bin_counts(reference), bin_counts(current))

    def drifted(self, value: float, threshold: float | None = None) -> bool:
        """Whether this value passes the threshold (the method's own otherwise); nan never does."""
        limit = self.threshold if threshold is None else threshold
        if value == limit:
            return self.inclusive
        return value < limit if self.gives is Gives.P_VALUE else value > limit

    def _of_counts(self, reference: Counts, current: Counts) -> Measured:
        if self.counts is not None:
            return _checked(self.counts(reference, current))
        return _checked(exactly(self(reference, current)))

    def _unfit(self, reference: FeatureKind | None, current: FeatureKind | None) -> str:
        """Why the method can't compare these two kinds; None is a side without any value."""
        for side, kind in (("reference", reference), ("current", current)):
            if kind is None:
                return f"the {side} side has no values"
            if kind not in self.kinds:
                accepted = ", ".join(sorted(self.kinds))
                return f"{self.name} compares {accepted} columns; the {side} side is {kind}"
        if (reference is FeatureKind.NUMERIC) != (current is FeatureKind.NUMERIC):
            return f"the column changed its kind from {reference} to {current}"
        return ""


def exactly(value: float, statistic: float | None = None) -> Measured:
    """A comparison without error: a distance, or a p-value with its test's statistic."""
    own = value if statistic is None else statistic
    return Measured(value, own, own, own)


def unmeasured(reason: str) -> Measured:
    return Measured(math.nan, math.nan, math.nan, math.nan, reason)


def get_method(name: str) -> DriftMethod:
    """The drift method of this name. Raises ConfigError naming the methods there are."""
    method: DriftMethod = DRIFT_METHODS.load(name)
    return method


def _kind_of(profile: ColumnProfile) -> FeatureKind:
    return FeatureKind.NUMERIC if isinstance(profile, NumericProfile) else FeatureKind.CATEGORICAL


def _checked(measured: Measured) -> Measured:
    if not measured.reason and math.isnan(measured.value + measured.low + measured.high):
        return unmeasured("the values are too large, or too much alike, to compute it from")
    return measured
