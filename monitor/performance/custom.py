"""Custom metrics: functions of labelled rows that a package brings or the settings name."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from monitor.performance.rows import LabelledRows
from monitor.plugins import METRICS
from monitor.profiles import CustomValue


class MetricFunction(Protocol):
    """A custom metric: a function from the labelled rows of a window to a number; nan where they don't define one.

    It must not change the rows, and must not depend on their order. A function that needs features names them in an
    attribute: `loss.features = ("amount",)`.
    """

    def __call__(self, rows: LabelledRows, /) -> float:
        """The metric of these rows; an error it raises is the reason for no value."""
        ...


MOST_ROWS = 100_000
PARTS = 20


def get_metric(name: str) -> MetricFunction:
    """The custom metric of this name. Raises ConfigError naming the metrics there are."""
    function: MetricFunction = METRICS.load(name)
    return function


def features_of(function: MetricFunction) -> tuple[str, ...]:
    """The features that the metric reads."""
    return tuple(getattr(function, "features", ()))


def measure(function: MetricFunction, rows: LabelledRows) -> CustomValue:
    """The metric of these rows, with a standard error by a jackknife that leaves out 1/20 of the rows at a time.

    Source: the delete-a-group jackknife (Kott 2001). An error that the function raises is the reason for no value.
    """
    n = len(rows)
    if not n:
        return CustomValue(0, reason="no labelled prediction in this window")
    try:
        value = float(function(rows))
        if not math.isfinite(value):
            return CustomValue(n, reason=f"the function gave {value}")
        return CustomValue(n, value, _error(function, rows) if n >= 2 * PARTS else None)
    except Exception as error:
        return CustomValue(n, reason=f"{type(error).__name__}: {error}")


def _error(function: MetricFunction, rows: LabelledRows) -> float | None:
    part = np.arange(len(rows)) % PARTS
    values = np.array([float(function(rows.take(part != left_out))) for left_out in range(PARTS)])
    error = float(np.sqrt((PARTS - 1) / PARTS * ((values - values.mean()) ** 2).sum()))
    return error if math.isfinite(error) else None


def cohens_kappa(rows: LabelledRows) -> float:
    """Agreement of predictions and labels beyond chance: 1 perfect, 0 no better than chance (Cohen 1960)."""
    shares = _shares(rows)
    expected = float((shares.sum(axis=0) * shares.sum(axis=1)).sum())
    return (float(np.trace(shares)) - expected) / (1 - expected) if expected < 1 else math.nan


def matthews_correlation(rows: LabelledRows) -> float:
    """Correlation of predicted and labelled class, -1 to 1 (Matthews 1975; for several classes Gorodkin 2004)."""
    shares = _shares(rows)
    predicted, labelled = shares.sum(axis=0), shares.sum(axis=1)
    spread = math.sqrt((1 - float((predicted**2).sum())) * (1 - float((labelled**2).sum())))
    return (float(np.trace(shares)) - float((predicted * labelled).sum())) / spread if spread > 0 else 0.0


def median_absolute_error(rows: LabelledRows) -> float:
    """The error in the middle, in the label's unit: outliers don't move it."""
    errors = np.abs(rows.prediction_value - rows.label_value)
    return float(np.median(errors[np.isfinite(errors)])) if np.isfinite(errors).any() else math.nan


def _shares(rows: LabelledRows) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The share of each (label, prediction) pair."""
    names, places = np.unique(np.concatenate([rows.label, rows.prediction]).astype(str), return_inverse=True)
    label, prediction = places[: len(rows)], places[len(rows) :]
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (label, prediction), 1.0)
    return counts / len(rows)
