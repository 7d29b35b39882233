"""Page-Hinkley: the same sum around the mean so far, so no level need be known."""

from __future__ import annotations

import numpy as np

from monitor.drift.sequences.method import SequenceMethod, Values

SLACK = 0.25
FADING = 0.9999
LEAST = 10


class PageHinkley(SequenceMethod):
    """The two-sided Page-Hinkley test, as River computes it (delta 0.25, alpha 0.9999, from the tenth value on).

    All paths are computed at once, which River's own can't; a test holds the two equal.
    """

    name = "page_hinkley"
    source = "Page 1954; River's PageHinkley"
    needs_level = False
    least = LEAST
    simulated = 2_000_000

    def statistics(self, paths: Values, most: float = np.inf) -> Values:
        """How far the sum of deviations is from its extreme, the larger of both sides, in standard deviations."""
        size = paths.shape[0]
        up, down, mean = np.zeros(size), np.zeros(size), np.zeros(size)
        lowest, highest = np.full(size, np.inf), np.full(size, -1.0)
        found = np.zeros_like(paths)
        for time in range(paths.shape[1]):
            mean += (paths[:, time] - mean) / (time + 1)
            deviation = paths[:, time] - mean
            up, down = FADING * up + deviation - SLACK, FADING * down + deviation + SLACK
            lowest, highest = np.minimum(lowest, up), np.maximum(highest, down)
            if time + 1 >= LEAST:
                found[:, time] = np.maximum(up - lowest, highest - down)
        return np.minimum(found, most)


page_hinkley = PageHinkley()
