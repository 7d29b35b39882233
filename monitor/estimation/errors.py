"""Direct loss estimation (DLE): how large a regression's errors will be, from its inputs and its predictions.

A second model learns, from labelled rows, how large the first one's errors are where. Ours is a sum of one step
function per column on the baseline's own bins (stumps, boosted), so the mean over a window follows from the counts that
its profile holds anyway: no rows are read, any range is a merge, and what is stored is a table of numbers.

The assumption, and the limit, as in CBPE: errors depend on inputs as they did in the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from monitor.baselines import Bins, NumericBins
from monitor.errors import InvalidValue
from monitor.estimation.calibration import Floats
from monitor.estimation.cbpe import Estimate
from monitor.profiles import ColumnProfile, NumericProfile

PREDICTION = ""
"""The prediction among the columns; no feature has an empty name."""
ROUNDS = 300
LEAST_ROWS = 40
LARGEST_ERROR = 1e70
"""Beyond this an error is a broken value: the square of its square is more than a float can hold."""
MOST_COLUMNS = 100
"""A model with more is told by those whose bins tell most of the errors' differences."""


class Additive(msgspec.Struct, frozen=True):
    """A sum of step functions: `start` plus, per column, the effect of the state its value is in (see `states`)."""

    start: float
    effects: dict[str, tuple[float, ...]]

    def mean(self, shares: Mapping[str, Floats]) -> float:
        """The mean over rows of which `shares[column]` are in each state; an absent column has no effect."""
        return self.start + math.fsum(
            float(np.dot(effects, shares[name])) for name, effects in self.effects.items() if name in shares
        )


class ErrorModel(msgspec.Struct, frozen=True, tag="dle"):
    """DLE of a regression: expected |error| and squared error, and the standard error of one row for `mae`, `rmse`."""

    absolute: Additive
    square: Additive
    errors: dict[str, float]
    rows: int

    def estimate(self, columns: Mapping[str, ColumnProfile], prediction: ColumnProfile) -> dict[str, Estimate]:
        """`mae` and `rmse` of a window from the profiles of its columns."""
        found = {**columns, PREDICTION: prediction}
        shares = {name: _shares(profile) for name, profile in found.items() if self._fits(name, profile)}
        n = prediction.n
        missing = [name for name in self.absolute.effects if name not in shares]
        if not n or missing:
            return {metric: Estimate(math.nan, math.nan, n) for metric in ("mae", "rmse")}
        values = {
            "mae": max(self.absolute.mean(shares), 0.0),
            "rmse": math.sqrt(max(self.square.mean(shares), 0.0)),
        }
        return {metric: Estimate(value, self.errors[metric] / math.sqrt(n), n) for metric, value in values.items()}

    def _fits(self, name: str, profile: ColumnProfile) -> bool:
        return profile.rows > 0 and len(self.absolute.effects.get(name, ())) == len(_counts(profile))


def fit_dle(
    columns: Mapping[str, Sequence[Any]], bins: Mapping[str, Bins], predictions: Sequence[Any], labels: Sequence[Any]
) -> ErrorModel:
    """Fit DLE on labelled rows.

    `columns` and `bins` are by feature; `bins[PREDICTION]` are the prediction's. Rows without a finite prediction or
    label, or further apart than 1e70, are left out. Raises InvalidValue when fewer than 40 remain.
    """
    predicted, truth = _floats(predictions), _floats(labels)
    with np.errstate(over="ignore", invalid="ignore"):
        kept = np.isfinite(predicted) & np.isfinite(truth) & (np.abs(predicted - truth) < LARGEST_ERROR)
    if kept.sum() < LEAST_ROWS:
        raise InvalidValue(f"estimating errors needs {LEAST_ROWS} labelled rows; there are {int(kept.sum())}")
    values: dict[str, Sequence[Any]] = {**columns, PREDICTION: predicted.tolist()}
    loss = np.abs(predicted[kept] - truth[kept])
    known = {name: states(values[name], bins[name])[kept] for name in bins if name in values}
    names = sorted(known, key=lambda name: -_explained(known[name], loss))[:MOST_COLUMNS]
    table = np.column_stack([known[name] for name in names]).astype(np.float64)
    sizes = [_size(bins[name]) for name in names]
    categorical = [not isinstance(bins[name], NumericBins) for name in names]
    square = loss**2
    mean_square = float(square.mean())
    errors = {
        "mae": float(loss.std()),
        "rmse": float(square.std()) / (2 * math.sqrt(mean_square)) if mean_square else 0.0,
    }
    fitted = [_boost(table, target, names, sizes, categorical) for target in (loss, square)]
    return ErrorModel(fitted[0], fitted[1], errors, int(kept.sum()))


def states(values: Sequence[Any], bins: Bins) -> NDArray[np.int64]:
    """The state of each value: its bin's number, then one for missing and infinite numbers, or for unseen categories
    and missing ones."""
    if isinstance(bins, NumericBins):
        numbers = _floats(values)
        found = np.searchsorted(bins.edges, numbers, side="left")
        found[np.isnan(numbers)] = len(bins.edges) + 1
        found[np.isinf(numbers)] = len(bins.edges) + 2
        return found.astype(np.int64)
    at = {name: i for i, name in enumerate(bins.categories)}
    k = len(at)
    return np.asarray([k + 1 if value is None else at.get(_text(value), k) for value in values], np.int64)


def _explained(found: NDArray[np.int64], loss: Floats) -> float:
    """Sum of squares of the losses between the states."""
    rows, sums = np.bincount(found), np.bincount(found, loss)
    held = rows > 0
    return float((sums[held] ** 2 / rows[held]).sum())


def _boost(
    table: Floats, target: Floats, names: Sequence[str], sizes: Sequence[int], categorical: Sequence[bool]
) -> Additive:
    """Boosted stumps, which add up column by column, read out as a table of effects."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    largest = float(target.max()) or 1.0  # gradients are single floats, which hold no more than 3e38
    model = HistGradientBoostingRegressor(
        max_iter=ROUNDS, max_leaf_nodes=2, categorical_features=list(categorical), early_stopping=False, random_state=0
    )
    with threadpool_limits(1):  # on a busy machine, threads that wait for each other take ten times as long
        model.fit(table, target / largest)
        origin = np.zeros((1, len(names)))
        start = model.predict(origin)[0]
        effects = {}
        for i, name in enumerate(names):
            probes = np.repeat(origin, sizes[i], axis=0)
            probes[:, i] = np.arange(sizes[i])
            effects[name] = tuple(((model.predict(probes) - start) * largest).tolist())
    return Additive(float(start) * largest, effects)


def _shares(profile: ColumnProfile) -> Floats:
    counts = np.asarray(_counts(profile), np.float64)
    return np.asarray(counts / counts.sum(), np.float64)


def _counts(profile: ColumnProfile) -> tuple[int, ...]:
    """Rows per state."""
    if isinstance(profile, NumericProfile):
        return (*profile.counts, profile.missing, profile.infinite)
    return (*profile.counts, profile.unseen, profile.missing)


def _size(bins: Bins) -> int:
    return len(bins.edges) + 3 if isinstance(bins, NumericBins) else len(bins.categories) + 2


def _floats(values: Sequence[Any]) -> Floats:
    return np.asarray([math.nan if value is None else value for value in values], np.float64)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
