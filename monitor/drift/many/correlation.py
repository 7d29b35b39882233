"""Whether columns still go together as they did, whatever each of them does alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.drift.many.encoding import Encoded, Matrix, category_codes, normal_scores
from monitor.drift.many.permutation import Contrast, Labels, Values
from monitor.drift.many.pooled import PooledMethod
from monitor.drift.many.rows import Rows

MOST_COLUMNS = 40
LARGEST = 0.9999


def encode_by_side(rows: Rows, n: int) -> Encoded:
    """One feature per column: normal scores within either side alone, so that only how columns go together is left.

    A category counts as its share among all rows. Missing values are 0, so they pull a correlation towards 0. Columns
    that are constant on either side say nothing. More than 40 columns are the 40 that go with others most.
    """
    numbers = {**rows.numbers, **{name: _shares(values) for name, values in rows.categories.items()}}
    split = rows.size - n
    sides = {name: np.concatenate([normal_scores(x[:split]), normal_scores(x[split:])]) for name, x in numbers.items()}
    telling = {name: x for name, x in sides.items() if x[:split].any() and (not n or x[split:].any())}
    if len(telling) < 2:
        return Encoded(np.empty((rows.size, 0)), ())
    names, matrix = list(telling), np.column_stack(list(telling.values()))
    if len(names) > MOST_COLUMNS:
        strength = np.abs(np.corrcoef(matrix, rowvar=False)).sum(axis=0)
        kept = np.sort(np.argsort(-strength, kind="stable")[:MOST_COLUMNS])
        names, matrix = [names[i] for i in kept], matrix[:, kept]
    return Encoded(matrix, names)


def _shares(values: pa.Array) -> Matrix:
    codes, names = category_codes(values)
    shares = np.bincount(codes[codes >= 0], minlength=len(names)) / max(codes.size, 1)
    return np.append(shares, np.nan)[codes]


def _contrast(encoded: Encoded, random: np.random.Generator) -> Contrast:
    scores = encoded.matrix
    left, right = np.triu_indices(scores.shape[1], 1)
    features = np.hstack([scores, scores**2, scores[:, left] * scores[:, right]]).astype(np.float32)
    total = features.sum(axis=0, dtype=np.float64)[:, None]

    def largest_change(labels: Labels) -> Values:
        n = labels.sum(axis=0)
        window = (features.T @ labels.astype(np.float32)).astype(np.float64)
        after, before = _fisher(window / n, left, right), _fisher((total - window) / (labels.shape[0] - n), left, right)
        return np.asarray(np.abs(after - before).max(axis=0), dtype=np.float64)

    return largest_change


def _fisher(means: Matrix, left: NDArray[np.intp], right: NDArray[np.intp]) -> Matrix:
    """Fisher's z of every pair's correlation, from the means of scores, squares and products."""
    d = means.shape[0] - left.size >> 1
    first, second, products = means[:d], means[d : 2 * d], means[2 * d :]
    variance = np.maximum(second - first**2, 1e-12)
    covariance = products - first[left] * first[right]
    correlations = covariance / np.sqrt(variance[left] * variance[right])
    return np.asarray(np.arctanh(np.clip(correlations, -LARGEST, LARGEST)), dtype=np.float64)


def _names(encoded: Encoded, n: int) -> list[str]:
    """The two columns whose correlation changed most."""
    before, after = (np.corrcoef(x, rowvar=False) for x in (encoded.matrix[:-n], encoded.matrix[-n:]))
    change = np.abs(np.arctanh(np.clip(after, -LARGEST, LARGEST)) - np.arctanh(np.clip(before, -LARGEST, LARGEST)))
    pair = np.unravel_index(int(np.argmax(np.triu(change, 1))), change.shape)
    return [encoded.owners[int(i)] for i in pair]


correlation_change = PooledMethod(
    "correlation_change",
    "the largest change of Fisher's z (Fisher 1915) among all pairs' correlations of normal scores; chance by "
    "permutation of each side's own scores",
    "largest change of a correlation (Fisher's z)",
    0.1,
    _contrast,
    _names,
    encode_by_side,
)
