"""The distance between two centroids: the plainest sign that rows moved, and what most people compute of embeddings."""

from __future__ import annotations

import numpy as np

from monitor.drift.many.encoding import Encoded
from monitor.drift.many.permutation import Contrast, Labels, Values
from monitor.drift.many.pooled import PooledMethod, most_moved


def _contrast(encoded: Encoded, random: np.random.Generator) -> Contrast:
    matrix = encoded.matrix
    total = matrix.sum(axis=0)[:, None]

    def distance(labels: Labels) -> Values:
        n = labels.sum(axis=0)
        window = matrix.T @ labels.astype(np.float64)
        between = window / n - (total - window) / (labels.shape[0] - n)
        return np.asarray(np.sqrt((between**2).mean(axis=0)), dtype=np.float64)

    return distance


centroid = PooledMethod(
    "centroid",
    "root mean square, over the features, of the difference of means in standard deviations; chance by permutation",
    "distance of the centroids",
    0.0,
    _contrast,
    most_moved,
)
