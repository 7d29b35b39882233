"""Rows that fit no pattern of the baseline's: Mahalanobis distance on robustly scaled numeric columns.

Values are brought onto one scale by the baseline's median and interquartile range, then by asinh, which is linear near
the middle and logarithmic far out: one value of 1e6 neither makes the scale nor is lost (Mahalanobis 1936; asinh as in
Johnson 1949). The limit is the baseline's own 99.9 % quantile, so heavy tails need no assumption.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.profiles.quality import OutlierModel
from monitor.schemas import Feature, FeatureKind

Rows = Mapping[str, NDArray[np.float64]]

USUAL_SHARE = 0.001
LEAST_ROWS = 500
MOST_COLUMNS = 100
# Correlations are drawn this far towards none, so that columns which nearly follow from others don't blow up.
_SHRINKAGE = 0.05
_LARGEST = 1e300


def numeric_rows(sample: pa.Table, features: Mapping[str, Feature]) -> dict[str, NDArray[np.float64]]:
    """The numeric features of a sample of rows (columns by feature name), missing values as NaN."""
    return {
        name: np.asarray(sample.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)
        for name, feature in features.items()
        if feature.kind is FeatureKind.NUMERIC and name in sample.column_names
    }


def learn_outliers(rows: Rows) -> OutlierModel | None:
    """The outlier model of a baseline's rows: at most its first 100 numeric columns that vary, NaN meaning missing.

    None where fewer than two columns vary or there are fewer than 500 rows: a joint limit needs both.
    """
    scaled = {name: scale for name, values in rows.items() if (scale := _scale(values)) is not None}
    names = tuple(scaled)[:MOST_COLUMNS]
    if len(names) < 2 or len(rows[names[0]]) < LEAST_ROWS:
        return None
    centres, scales = (tuple(scaled[name][i] for name in names) for i in (0, 1))
    identity = tuple(tuple(row) for row in np.eye(len(names)).tolist())
    z = _standardised(OutlierModel(names, centres, scales, identity, 0.0), rows)
    covariance = np.cov(z, rowvar=False)
    diagonal = np.diag(np.diag(covariance))
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * diagonal
    whitening = np.linalg.inv(np.linalg.cholesky(shrunk))
    distances = np.asarray(((z @ whitening.T) ** 2).sum(axis=1))
    limit = float(np.quantile(distances, 1 - USUAL_SHARE, method="higher"))
    return OutlierModel(names, centres, scales, tuple(tuple(row) for row in whitening.tolist()), limit)


def squared_distances(model: OutlierModel, rows: Rows) -> NDArray[np.float64]:
    """Each row's squared distance from the baseline's middle; a column that is not there counts as missing."""
    whitening = np.asarray(model.whitening)
    return np.asarray(((_standardised(model, rows) @ whitening.T) ** 2).sum(axis=1), dtype=np.float64)


def _standardised(model: OutlierModel, rows: Rows) -> NDArray[np.float64]:
    """The model's columns as z, one row per row; missing values in the middle, infinite ones far out."""
    n = len(next(iter(rows.values()), ()))
    z = np.zeros((n, len(model.columns)))
    for i, name in enumerate(model.columns):
        if name in rows:
            finite = np.nan_to_num(rows[name], nan=model.centres[i], posinf=_LARGEST, neginf=-_LARGEST)
            z[:, i] = np.arcsinh((finite - model.centres[i]) / model.scales[i])
    return np.nan_to_num(z)


def _scale(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """Median and a normal distribution's deviation from the interquartile range; None for a constant column."""
    finite = values[np.isfinite(values)]
    if finite.size < 2 or finite.min() == finite.max():
        return None
    low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75])
    with np.errstate(over="ignore", invalid="ignore"):
        scale = float(high - low) / 1.349 or float(finite.std())
    return (float(middle), scale) if scale > 0 and np.isfinite(scale) else None
