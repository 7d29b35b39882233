"""Mixed columns as one matrix, whatever their scales and outliers.

The window's and the reference's rows are encoded together and without regard to which is which. This makes a
permutation test of the result exact at every number of rows: nothing is learnt from one side alone.

- A number becomes its normal score: the normal quantile of its mid-rank among all rows. An outlier of 1e6 is the
  largest value and no more. Missing values are 0.
- A category becomes indicators of the 20 most frequent categories and of all others together, scaled so that the
  column's total variance is 1, as a number's is. With more than 100 such columns it is fewer: 2,000 in all.
- A column of either kind that has missing values gets an indicator of them with variance 1.
- A constant column says nothing, and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special

from monitor.drift.many.rows import Rows

MOST_CATEGORIES, MOST_INDICATORS = 20, 2000
MOST_FEATURES = 300
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """`matrix` is (rows, features), each feature with mean 0; `owners` names the column each feature is of."""

    matrix: Matrix
    owners: Sequence[str]


def encode(rows: Rows) -> Encoded:
    """All columns of these rows; (rows, 0) where every column is constant."""
    features: list[Matrix] = []
    owners: list[str] = []
    for name, numbers in rows.numbers.items():
        _add(features, owners, name, [normal_scores(numbers), _missing(np.isnan(numbers))])
    most = min(MOST_CATEGORIES, max(MOST_INDICATORS // max(len(rows.categories), 1), 1))
    for name, values in rows.categories.items():
        missing = np.asarray(values.is_null().to_numpy(zero_copy_only=False))
        _add(features, owners, name, [*_indicators(values, most), _missing(missing)])
    return Encoded(np.column_stack(features) if features else np.empty((rows.size, 0)), owners)


def narrowed(matrix: Matrix, random: np.random.Generator) -> Matrix:
    """At most 300 features: more are projected at random, which keeps distances (Johnson, Lindenstrauss 1984)."""
    width = matrix.shape[1]
    if width <= MOST_FEATURES:
        return matrix
    directions = random.standard_normal((width, MOST_FEATURES)) / np.sqrt(MOST_FEATURES)
    return np.asarray(matrix @ directions, dtype=np.float64)


def normal_scores(values: Matrix) -> Matrix:
    """Normal quantile of each value's mid-rank among those that are there, with mean 0 and variance 1; NaN gives 0.

    Van der Waerden 1952. Infinities are the lowest and the highest values.
    """
    present = ~np.isnan(values)
    scores = np.zeros(values.size)
    _, inverse, counts = np.unique(values[present], return_inverse=True, return_counts=True)
    if counts.size < 2:
        return scores
    below = np.cumsum(counts) - counts
    quantiles = special.ndtri((below + (counts + 1) / 2 - 0.5) / counts.sum())
    scores[present] = quantiles[inverse]
    scores[present] -= scores[present].mean()
    scores[present] /= scores[present].std()
    return scores


def category_codes(values: pa.Array) -> tuple[NDArray[np.int64], list[str]]:
    """Each row's category as a number (-1 where missing), and the categories, the most frequent first."""
    coded = values.dictionary_encode()
    codes = np.asarray(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    names = coded.dictionary.to_pylist()
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    # Ties by name: the order in which categories were met would tell the two sides apart.
    order = sorted(range(len(names)), key=lambda code: (-counts[code], names[code]))
    place = np.empty(len(names) + 1, dtype=np.int64)
    place[order] = np.arange(len(names))
    place[-1] = -1
    return place[codes], [names[code] for code in order]


def _indicators(values: pa.Array, most: int) -> list[Matrix]:
    """Indicators of the `most` frequent categories, and of all others together where there are any."""
    codes, names = category_codes(values)
    kept = np.minimum(codes, most)
    held = [kept == code for code in range(min(len(names), most + 1))]
    total = np.sqrt(sum(float(each.mean() * (1 - each.mean())) for each in held))
    return [(each - each.mean()) / total for each in held] if total > 0 else []


def _missing(missing: NDArray[np.bool_]) -> Matrix:
    share = float(missing.mean()) if missing.size else 0.0
    return (missing - share) / np.sqrt(share * (1 - share)) if 0 < share < 1 else np.zeros(missing.size)


def _add(features: list[Matrix], owners: list[str], name: str, found: Sequence[Matrix]) -> None:
    varying = [each for each in found if each.any()]
    features += varying
    owners += [name] * len(varying)
