"""CUSUM: the sum of what exceeds half a standard deviation, from where it was lowest."""

from __future__ import annotations

import numpy as np

from monitor.drift.sequences.method import SequenceMethod, Values

SLACK = 0.5


class Cusum(SequenceMethod):
    """The two-sided tabular CUSUM with a slack of half a standard deviation: best for shifts of about one.

    Up: S = max(0, S + x - 0.5); down likewise with -x; the statistic is the larger of both. River has none.
    """

    name = "cusum"
    source = "Page 1954; Lorden 1971: no method finds a shift of its size sooner at the same run length"
    needs_level = True
    least = 1
    simulated = 2_000_000

    def statistics(self, paths: Values, most: float = np.inf) -> Values:
        """The larger of both sums, in standard deviations."""
        up = np.zeros(paths.shape[0])
        down = np.zeros(paths.shape[0])
        found = np.empty_like(paths)
        for time in range(paths.shape[1]):
            up = np.clip(up + paths[:, time] - SLACK, 0.0, most)
            down = np.clip(down - paths[:, time] - SLACK, 0.0, most)
            found[:, time] = np.maximum(up, down)
        return found


cusum = Cusum()
