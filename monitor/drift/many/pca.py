"""PCA reconstruction: rows that a few directions of the baseline no longer describe.

The value is NannyML's: the mean length of what is left of a row when only the baseline's first components are kept.
Whether it is unusual is decided otherwise: components of one half of the baseline, errors of the other half against
the window's, by ranks. Neither saw the components, so nothing but drift tells the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitor.drift.many.encoding import Matrix, category_codes
from monitor.drift.many.method import LEAST_ROWS, RATE, ManyVerdict, without_value
from monitor.drift.many.permutation import TimeNull, Values, judge, time_null
from monitor.drift.many.pooled import MOST_NAMED, too_few
from monitor.drift.many.rows import Rows, pool, read_rows, take
from monitor.drift.many.shift import shift_of
from monitor.points import Status

EXPLAINED = 0.65
FARTHEST = 10.0
# Numbers beyond this can't be squared and summed; they are missing, as infinities are.
HUGE = 1e100


@dataclass(frozen=True, slots=True)
class Components:
    """What one set of rows knows of itself: how to encode a row, and the directions that hold 65 % of the variance.

    Missing numbers become the mean, missing categories the most frequent one, categories their share (one that was
    never seen 0). Each feature is standardised. Infinities are missing. With `farthest`, numbers are first held within
    so many robust deviations of the median, so that one wild value does not set the scale.
    """

    fill: Mapping[str, float]
    bounds: Mapping[str, tuple[float, float]]
    shares: Mapping[str, Mapping[str, float]]
    usual: Mapping[str, str]
    mean: Matrix
    scale: Matrix
    directions: Matrix

    @classmethod
    def of(cls, rows: Rows, farthest: float | None = None) -> Components:
        """Learn from these rows."""
        bounds = {name: _bounds(x, farthest) for name, x in rows.numbers.items()}
        fill = {name: _mean(np.clip(_finite(x), *bounds[name])) for name, x in rows.numbers.items()}
        usual, shares = {}, {}
        for name, values in rows.categories.items():
            codes, names = category_codes(values)
            usual[name] = names[0] if names else ""
            counts = np.bincount(np.where(codes < 0, 0, codes), minlength=len(names))
            shares[name] = dict(zip(names, (counts / max(codes.size, 1)).tolist(), strict=bool(names)))
        empty = np.empty(0)
        plain = cls(fill, bounds, shares, usual, empty, empty, empty).encode(rows)
        if not rows.size:
            return cls(fill, bounds, shares, usual, empty, empty, np.empty((0, plain.shape[1])))
        mean, scale = plain.mean(axis=0), plain.std(axis=0)
        scale = np.where(scale > 1e-12 * np.maximum(np.abs(mean), 1), scale, 1.0)
        return cls(fill, bounds, shares, usual, mean, scale, _directions((plain - mean) / scale))

    def encode(self, rows: Rows) -> Matrix:
        """The rows as numbers (rows, columns), not yet standardised."""
        columns = [self._numbers(name, x) for name, x in rows.numbers.items()]
        columns += [self._shares(name, values) for name, values in rows.categories.items()]
        return np.column_stack(columns) if columns else np.empty((rows.size, 0))

    def residuals(self, rows: Rows) -> Matrix:
        """What is left of each standardised row without the directions (rows, columns)."""
        standard = (self.encode(rows) - self.mean) / self.scale
        return np.asarray(standard - standard @ self.directions.T @ self.directions, dtype=np.float64)

    def errors(self, rows: Rows) -> Values:
        """Each row's reconstruction error: the length of its residual."""
        return np.asarray(np.linalg.norm(self.residuals(rows), axis=1), dtype=np.float64)

    def _numbers(self, name: str, x: Values) -> Values:
        held = np.clip(_finite(x), *self.bounds[name])
        return np.where(np.isnan(held), self.fill[name], held)

    def _shares(self, name: str, values: pa.Array) -> Values:
        coded = values.fill_null(self.usual[name]).dictionary_encode()
        shares = np.array([self.shares[name].get(value, 0.0) for value in coded.dictionary.to_pylist()])
        return shares[np.asarray(coded.indices)] if shares.size else np.zeros(len(values))


def _directions(standard: Matrix) -> Matrix:
    """The fewest principal components (components, features) with more than 65 % of the variance."""
    values, vectors = np.linalg.eigh(standard.T @ standard)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    if values.sum() <= 0:
        return np.empty((0, standard.shape[1]))
    count = int(np.searchsorted(np.cumsum(values) / values.sum(), EXPLAINED, side="right")) + 1
    return np.ascontiguousarray(vectors[:, :count].T)


def _finite(x: Values) -> Values:
    return np.where(np.abs(x) < HUGE, x, np.nan)


def _mean(x: Values) -> float:
    present = x[~np.isnan(x)]
    return float(present.mean()) if present.size else 0.0


def _bounds(x: Values, farthest: float | None) -> tuple[float, float]:
    present = x[np.isfinite(x)]
    if farthest is None or not present.size:
        return -np.inf, np.inf
    low, middle, high = np.quantile(present, [0.25, 0.5, 0.75])
    reach = farthest * (high - low) / 1.349
    return (float(middle - reach), float(middle + reach)) if reach > 0 else (-np.inf, np.inf)


class PcaReconstruction:
    """The mean reconstruction error by PCA, as NannyML computes it, judged at 1 % by permutation of held-out errors."""

    name = "pca_reconstruction"
    source = "Pearson 1901; components with 65 % of the variance, mean error as NannyML's, chance by permutation"

    def fit(self, reference_rows: pa.Table) -> FittedPca:
        """Components of all rows for the value, and of one half of them for the decision."""
        rows = read_rows(reference_rows)
        order = np.random.default_rng(rows.size).permutation(rows.size)
        held = take(rows, np.sort(order[: rows.size // 2]))
        half = Components.of(take(rows, np.sort(order[rows.size // 2 :])), FARTHEST)
        errors = half.errors(held) if rows.size >= LEAST_ROWS else np.empty(0)
        random = np.random.default_rng(rows.size)
        time = time_null(shift_of(errors), held.time, random) if errors.size else TimeNull()
        whole = Components.of(rows)
        return FittedPca(rows, whole, float(whole.errors(rows).mean()) if errors.size else np.nan, half, errors, time)


@dataclass(frozen=True, slots=True)
class FittedPca:
    """PCA of a baseline: `whole` and `usual` error give the value, `half` and its held-out `errors` the decision."""

    rows: Rows
    whole: Components
    usual: float
    half: Components
    errors: Values
    time: TimeNull

    def judge(self, current_rows: pa.Table, random: np.random.Generator) -> ManyVerdict:
        """The verdict on a window's first 5,000 rows; errors above and below the baseline's count."""
        name, window = PcaReconstruction.name, read_rows(current_rows, self.rows.names)
        if objection := too_few(self.rows.size, window.size):
            return without_value(name, window.size, Status.INSUFFICIENT, objection)
        window = _in_kind(self.rows, window)
        held = self.half.errors(window)
        if not self.whole.directions.size or np.ptp(np.append(self.errors, held)) <= 1e-9:
            why = "every column is constant, or a few components describe every row"
            return without_value(name, window.size, Status.UNDEFINED, why)
        both = np.append(self.errors, held)
        found = judge(shift_of(both), both.size, window.size, random, RATE, self.time)
        value, breach = float(self.whole.errors(window).mean()), found.p_value <= RATE
        noise = 2.576 * float(self.errors.std()) * np.sqrt(1 / window.size + 1 / self.errors.size)
        moved = self._moved(window) if breach else []
        why = f"reconstruction error {value:.3g} (baseline {self.usual:.3g})"
        why += f"; most by {', '.join(moved)}" if moved else ""
        limit = float(self.usual + noise)
        return ManyVerdict(name, value, window.size, limit, found.p_value, breach, Status.OK, why, tuple(moved))

    def _moved(self, window: Rows) -> list[str]:
        """The columns whose own residuals grew (or shrank) most."""
        before, after = ((self.half.residuals(rows) ** 2).mean(axis=0) for rows in (self.rows, window))
        names = self.rows.names
        return [names[i] for i in np.argsort(-np.abs(after - before), kind="stable")[:MOST_NAMED]]


def _in_kind(reference: Rows, window: Rows) -> Rows:
    """The window's rows in the reference's columns and kinds."""
    return take(pool(reference, window), np.arange(reference.size, reference.size + window.size))


pca_reconstruction = PcaReconstruction()
