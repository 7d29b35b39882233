"""Maximum mean discrepancy: how far apart two sets of rows are in a space where distributions have a distance."""

from __future__ import annotations

import numpy as np

from monitor.drift.many.encoding import Encoded, Matrix, narrowed
from monitor.drift.many.permutation import Contrast, Labels, Values
from monitor.drift.many.pooled import PooledMethod, most_moved

FREQUENCIES = 200
_FOR_BANDWIDTH = 500


def bandwidth(matrix: Matrix, random: np.random.Generator) -> float:
    """The median distance between two rows (Gretton et al. 2012), from at most 500 of them; 1 where it is 0."""
    rows = random.choice(matrix, min(matrix.shape[0], _FOR_BANDWIDTH), replace=False)
    squares = (rows**2).sum(axis=1)
    between = squares[:, None] + squares - 2 * rows @ rows.T
    median = float(np.median(between[np.triu_indices(rows.shape[0], 1)]))
    return float(np.sqrt(median)) if median > 0 else 1.0


def fourier_features(matrix: Matrix, width: float, random: np.random.Generator) -> Matrix:
    """Random Fourier features (rows, 400): their inner product is about exp(-|x - y|² / (2 width²)).

    Rahimi, Recht 2007. Each row has length 1.
    """
    angles = matrix @ (random.standard_normal((matrix.shape[1], FREQUENCIES)) / width)
    return np.asarray(np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(FREQUENCIES), dtype=np.float64)


def _contrast(encoded: Encoded, random: np.random.Generator) -> Contrast:
    matrix = narrowed(encoded.matrix, random)
    features = fourier_features(matrix, bandwidth(matrix, random), random).astype(np.float32)
    total = features.sum(axis=0, dtype=np.float64)[:, None]

    def unbiased(labels: Labels) -> Values:
        """The unbiased MMD² (Gretton et al. 2012, equation 3), in time linear in the rows."""
        n = labels.sum(axis=0)
        m = labels.shape[0] - n
        window = (features.T @ labels.astype(np.float32)).astype(np.float64)
        rest = total - window
        within = ((window**2).sum(axis=0) - n) / (n * (n - 1)) + ((rest**2).sum(axis=0) - m) / (m * (m - 1))
        return np.asarray(within - 2 * (window * rest).sum(axis=0) / (n * m), dtype=np.float64)

    return unbiased


mmd = PooledMethod(
    "mmd",
    "Gretton et al. 2012; unbiased MMD² of a Gaussian kernel (median distance) by 200 random Fourier frequencies, "
    "in time linear in the rows; chance by permutation",
    "MMD²",
    0.0,
    _contrast,
    most_moved,
)
