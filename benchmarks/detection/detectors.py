"""Kedge's default decision and its peers' as functions from a column to a score: the higher, the surer of drift.

The peers' formulas are their published ones; tests compare them with the presets, and those with the packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import stats

from benchmarks.detection.samples import Rows
from monitor.baselines import category_bins, numeric_bins
from monitor.drift import DriftRule
from monitor.drift.null import p_values
from monitor.drift.reference import ReferenceColumn, prepare_columns
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile

TINY = 1e-300
LEAST_ROWS = DriftRule().min_rows


class Detector(Protocol):
    """Made for one reference column; `blocks` are the reference in equal parts of time, for those that look at them."""

    def __init__(self, reference: Rows, categorical: bool, blocks: Sequence[Rows] = ()) -> None: ...

    def score(self, current: Rows) -> float: ...

    def scores(self, windows: Sequence[Rows]) -> list[float]:
        return [self.score(window) for window in windows]


class Kedge(Detector):
    """-log10 of the calibrated p-value, as `judge_columns` has it before the correction for many columns."""

    def __init__(self, reference: Rows, categorical: bool, blocks: Sequence[Rows] = ()) -> None:
        self._categorical = categorical
        values, counts = np.unique(reference, return_counts=True)
        self._names = {value: f"{int(value):03d}" for value in values} if categorical else {}
        self._categories = category_bins(
            {name: int(count) for name, count in zip(self._names.values(), counts, strict=False)}
        ).categories
        self._edges = () if categorical else numeric_bins(reference).edges
        self._blocks = [self.profile(block) for block in blocks]
        self._whole = self.profile(reference)
        self.reference: ReferenceColumn
        self.as_one_model([self])

    @staticmethod
    def as_one_model(columns: Sequence[Kedge]) -> None:
        """Make these the columns of one model: each lends the others its blocks' certainty."""
        named = {str(at): column for at, column in enumerate(columns)}
        blocks = [dict(zip(named, parts, strict=True)) for parts in zip(*(c._blocks for c in columns), strict=True)]
        made = prepare_columns({name: column._whole for name, column in named.items()}, blocks, LEAST_ROWS)
        for name, column in named.items():
            column.reference = made[name]

    def profile(self, rows: Rows) -> ColumnProfile:
        if self._categorical:
            return CategoricalProfile.of([self._names.get(value, "new") for value in rows], self._categories)
        return NumericProfile.of(rows, self._edges)

    def score(self, current: Rows) -> float:
        return self.scores([current])[0]

    def scores(self, windows: Sequence[Rows]) -> list[float]:
        found = p_values([(self.reference, self.profile(window)) for window in windows])
        return [-float(np.log10(max(p, TINY))) for p in found]


class Evidently(Detector):
    """Its defaults above 1,000 reference rows, over their threshold of 0.1: Wasserstein in standard deviations, or the
    Jensen-Shannon distance of categories."""

    def __init__(self, reference: Rows, categorical: bool, blocks: Sequence[Rows] = ()) -> None:
        self._reference, self._categorical = np.sort(reference), categorical
        self._spread = max(float(reference.std()), 0.001)

    def score(self, current: Rows) -> float:
        if self._categorical:
            return _distance(*_shares(self._reference, current)) / 0.1
        return float(stats.wasserstein_distance(self._reference, current)) / self._spread / 0.1


class NannyMl(Detector):
    """Its default: Jensen-Shannon (base 2) on Doane's bins, in deviations of the reference's chunks from their mean."""

    def __init__(self, reference: Rows, categorical: bool, blocks: Sequence[Rows] = ()) -> None:
        self._reference, self._categorical = reference, categorical
        self._edges = np.histogram_bin_edges(reference, "doane") if not categorical else np.zeros(0)
        self._counted = None if categorical else self._count(reference)
        known = [self._distance(block) for block in blocks]
        self._mean = float(np.mean(known)) if known else 0.0
        self._deviation = float(np.std(known)) if known else 1.0

    def score(self, current: Rows) -> float:
        return (self._distance(current) - self._mean) / max(self._deviation, 1e-9)

    def _distance(self, current: Rows) -> float:
        shares = _shares(self._reference, current) if self._counted is None else (self._counted, self._count(current))
        return _distance(*shares) / np.sqrt(np.log(2))

    def _count(self, rows: Rows) -> Rows:
        inside = np.histogram(rows, self._edges)[0]
        return np.append(inside, rows.size - inside.sum()) / rows.size


class Alibi(Detector):
    """Tests with Bonferroni's correction, as alibi-detect's tabular detector has them: Kolmogorov-Smirnov for numbers,
    chi-squared for categories."""

    def __init__(self, reference: Rows, categorical: bool, blocks: Sequence[Rows] = ()) -> None:
        self._reference, self._categorical = np.sort(reference), categorical

    def score(self, current: Rows) -> float:
        if self._categorical:
            values = np.union1d(self._reference, current)
            table = np.array([[np.sum(side == value) for value in values] for side in (self._reference, current)])
            return -float(np.log10(max(stats.chi2_contingency(table).pvalue, TINY)))
        return -float(np.log10(max(self._ks(current), TINY)))

    def _ks(self, current: Rows) -> float:
        n, total = current.size, self._reference.size
        both = np.concatenate([self._reference, np.sort(current)])
        before = np.searchsorted(self._reference, both, side="right") / total
        after = np.searchsorted(both[total:], both, side="right") / n
        statistic = float(np.abs(before - after).max())
        return float(stats.distributions.kstwo.sf(statistic, round(n * total / (n + total))))


DETECTORS: dict[str, type[Detector]] = {"Kedge": Kedge, "Evidently": Evidently, "NannyML": NannyMl, "alibi-like": Alibi}
PEERS = tuple(name for name in DETECTORS if name != "Kedge")


def _shares(reference: Rows, current: Rows) -> tuple[Rows, Rows]:
    values = np.union1d(reference, current)
    return _counted(reference, values) / reference.size, _counted(current, values) / current.size


def _counted(rows: Rows, values: Rows) -> Rows:
    return np.bincount(np.searchsorted(values, rows), minlength=values.size).astype(np.float64)


def _distance(p: Rows, q: Rows) -> float:
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(p > 0, p * np.log(p / middle), 0.0) + np.where(q > 0, q * np.log(q / middle), 0.0)
    return float(np.sqrt(max(parts.sum() / 2, 0.0)))
