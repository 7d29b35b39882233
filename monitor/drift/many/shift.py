"""Whether one number per row is larger or smaller in the window than in the baseline."""

from __future__ import annotations

import numpy as np

from monitor.drift.many.encoding import normal_scores
from monitor.drift.many.permutation import Contrast, Labels, Values


def shift_of(numbers: Values) -> Contrast:
    """How far apart the mean normal scores of both sides are (van der Waerden 1952); NaN counts as neither."""
    scores = normal_scores(numbers)

    def shift(labels: Labels) -> Values:
        """Scores sum to 0, so one side's mean gives the other's."""
        n = labels.sum(axis=0)
        window = scores @ labels
        return np.asarray(np.abs(window / n + window / (labels.shape[0] - n)), dtype=np.float64)

    return shift
