"""A baseline made ready for judging: its statistics and how they vary between its own blocks, worked out once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from monitor.baselines import BaselineProfile
from monitor.drift.dispersion import LEAST_BLOCKS, Dispersion, between_blocks, moderate
from monitor.drift.homogeneity import chance_moments, chi_squared
from monitor.drift.scores import Array, Statistic, expected_counts, part_counts, statistics_of
from monitor.identity_cache import IdentityCache
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.profiles.columns import bin_counts

PREDICTION = "prediction"
# So many deviations by which the blocks' X2 exceeds chance say something of this column alone.
_BEYOND_DOUBT = 3.0


@dataclass(frozen=True, slots=True)
class ShapeBlocks:
    """How shapes differ between the blocks beyond chance.

    `excess` is by how much X2 usually exceeds its mean by chance, per row, as so many `blocks` tell; `divergences` the
    Jensen-Shannon divergence of each beyond chance.
    """

    excess: float
    blocks: int
    divergences: Array

    def tail(self, excess: float, rows: float) -> float:
        """Chance of a window whose X2 exceeds chance by this: X2 is a square of what moves between windows."""
        usual = self.excess * rows
        if usual <= 0:
            return 0.0
        return float(2 * special.stdtr(self.blocks - 1, -math.sqrt(excess / usual)))


@dataclass(frozen=True, slots=True)
class ReferenceColumn:
    """One column of a baseline. `counts` are its bins with missing and infinite values as bins of their own."""

    profile: ColumnProfile
    counts: Array
    statistics: Sequence[Statistic]
    dispersions: Sequence[Dispersion]
    medians: Array
    shapes: ShapeBlocks | None

    @property
    def guesses_unseen(self) -> bool:
        """Whether no row of it is of a category without a bin, so that how many will be is a guess."""
        return isinstance(self.profile, CategoricalProfile) and not self.profile.unseen


UNSEEN_BIN = -2
"""Of a categorical column's counts: before the last, which is of missing values."""


def all_counts(profile: ColumnProfile) -> Array:
    """Counts per bin with missing (and infinite) values as a bin of their own: a column that empties has drifted."""
    return _counts(profile, bin_counts(profile))


def _counts(profile: ColumnProfile, values: Array) -> Array:
    unusable = profile.missing + (profile.infinite if isinstance(profile, NumericProfile) else 0)
    return np.append(values, float(unusable))


def prepare_columns(
    columns: dict[str, ColumnProfile], blocks: Sequence[dict[str, ColumnProfile]], least_rows: int
) -> dict[str, ReferenceColumn]:
    """Every column of a baseline; blocks that would not be judged as windows tell nothing about windows that are."""
    usable = {
        name: [block[name] for block in blocks if name in block and block[name].rows >= least_rows] for name in columns
    }
    statistics = {name: statistics_of(profile) for name, profile in columns.items()}
    dispersions = _dispersions(statistics, usable)
    return {
        name: ReferenceColumn(
            profile,
            _counts(profile, expected_counts(profile)),
            statistics[name],
            dispersions[name],
            _medians(usable[name]),
            _shapes(profile, usable[name], _excess_of(statistics[name], dispersions[name])),
        )
        for name, profile in columns.items()
    }


def _dispersions(
    statistics: dict[str, list[Statistic]], blocks: dict[str, list[ColumnProfile]]
) -> dict[str, list[Dispersion]]:
    """Moderated among all statistics of one name."""
    places = [(name, at) for name, found in statistics.items() for at in range(len(found))]
    by_kind: dict[str, list[tuple[str, int]]] = {}
    for name, at in places:
        by_kind.setdefault(statistics[name][at].name, []).append((name, at))
    dispersions = {name: [Dispersion()] * len(found) for name, found in statistics.items()}
    for same in by_kind.values():
        found = [
            between_blocks(statistics[name][at], [part_counts(b, statistics[name][at].part) for b in blocks[name]])
            for name, at in same
        ]
        for (name, at), dispersion in zip(same, moderate(found), strict=True):
            dispersions[name][at] = dispersion
    return {name: _with_floor(statistics[name], found) for name, found in dispersions.items()}


def _with_floor(statistics: Sequence[Statistic], found: list[Dispersion]) -> list[Dispersion]:
    """Other scores follow the location, and few blocks show too little of how far.

    Far scores vary at least as it does. A spread moves by d^2 / sqrt(2) deviations when the location moves by d, whose
    mean square is 3 (mean d^2)^2 / 2 where d is normal.
    """
    location = max((d.between for s, d in zip(statistics, found, strict=True) if s.name == "location"), default=0.0)
    return [
        replace(d, between=max(d.between, location if s.far else 1.5 * location**2)) if s.heavy else d
        for s, d in zip(statistics, found, strict=True)
    ]


def _excess_of(statistics: Sequence[Statistic], dispersions: Sequence[Dispersion]) -> float:
    """The excess of X2 per row that the statistics' own variation makes: X2 is the sum of squares of such as these.

    Told from all columns together, where one column's X2 over few blocks is mostly chance.
    """
    return sum(d.between * s.part_of_shape for s, d in zip(statistics, dispersions, strict=True))


def _medians(blocks: Sequence[ColumnProfile]) -> Array:
    found = [block.quantile(0.5) for block in blocks if isinstance(block, NumericProfile)]
    usable = [median for median in found if math.isfinite(median)]
    return np.array(usable if len(usable) >= LEAST_BLOCKS else [])


def _shapes(profile: ColumnProfile, blocks: Sequence[ColumnProfile], least_excess: float) -> ShapeBlocks | None:
    counts = [all_counts(block) for block in blocks if block.rows]
    if len(counts) < LEAST_BLOCKS:
        return None
    reference = all_counts(profile)
    excess, variance, weights, divergences = 0.0, 0.0, 0.0, []
    for block in counts:
        rest = np.maximum(reference - block, 0.0)
        rest = rest if rest.sum() else reference
        rows = 1 / (1 / block.sum() + 1 / rest.sum())
        mean, deviation = chance_moments(rest, block)
        excess, variance, weights = excess + chi_squared(rest, block) - mean, variance + deviation**2, weights + rows
        # By chance alone a divergence of k bins is about (k - 1) / 8 per row.
        by_chance = (np.count_nonzero(reference) - 1) / 8 / rows
        divergences.append(max(divergence(rest, block) - by_chance, 0.0))
    beyond_doubt = excess > _BEYOND_DOUBT * math.sqrt(variance)
    usual = max(excess / weights, least_excess) if beyond_doubt else least_excess
    return ShapeBlocks(usual, len(counts), np.array(divergences))


def divergence(reference: Array, current: Array) -> float:
    """Jensen-Shannon divergence, natural logarithm (Lin 1991)."""
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    return float((special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum() / 2)


_prepared: IdentityCache[dict[str, ReferenceColumn]] = IdentityCache()


def prepared_columns(baseline: BaselineProfile, least_rows: int) -> dict[str, ReferenceColumn]:
    """The features of a baseline, prepared once."""

    def prepare() -> dict[str, ReferenceColumn]:
        return prepare_columns(baseline.whole.columns, [block.columns for block in baseline.blocks], least_rows)

    return _prepared.get(baseline, ("features", least_rows), prepare)


def prepared_prediction(baseline: BaselineProfile, least_rows: int) -> dict[str, ReferenceColumn]:
    """The prediction of a baseline, prepared once; empty where it holds none."""
    whole = baseline.whole.prediction
    if whole is None:
        return {}

    def prepare() -> dict[str, ReferenceColumn]:
        blocks = [{PREDICTION: block.prediction} for block in baseline.blocks if block.prediction is not None]
        return prepare_columns({PREDICTION: whole}, blocks, least_rows)

    return _prepared.get(baseline, (PREDICTION, least_rows), prepare)
