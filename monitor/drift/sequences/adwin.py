"""ADWIN: a window that grows while nothing changes, cut where its two parts differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.drift.sequences.method import SequenceMethod, Values

LEVELS = tuple(0.2 * step for step in range(1, 101))
GRACE = 10


class Adwin(SequenceMethod):
    """River's ADWIN, which checks at every value from the tenth on.

    Its confidence delta is no probability of a false alarm, so it is the threshold that is calibrated: one detector
    runs per level of -ln(delta), up to 20, and the statistic is the highest level that finds a change, 0 where none
    does. Until its first alarm a detector holds all values, whatever its level.
    """

    name = "adwin"
    source = "Bifet, Gavaldà 2007; River's ADWIN (clock 1, grace period 10)"
    needs_level = False
    least = GRACE
    simulated = 300_000

    def statistics(self, paths: Values, most: float = np.inf) -> Values:
        """-ln(delta) of the strictest detector that finds a change at this value."""
        found = np.zeros_like(paths)
        for row, path in enumerate(paths):
            for level in LEVELS:
                alarms = _alarms(path.tolist(), float(np.exp(-level)))
                if not alarms:
                    break
                found[row, alarms] = level
        return np.minimum(found, most)

    def highest(self, paths: Values) -> Values:
        """By bisection: where one detector finds no change, no stricter one does."""
        return np.array([_highest(path.tolist()) for path in paths])


def _highest(path: list[float]) -> float:
    below, above = -1, len(LEVELS)
    while above - below > 1:
        middle = (below + above) // 2
        if _alarms(path, float(np.exp(-LEVELS[middle])), most=1):
            below = middle
        else:
            above = middle
    return LEVELS[below] if below >= 0 else 0.0


def _alarms(path: list[float], delta: float, most: int | None = None) -> list[int]:
    from river.drift import ADWIN  # River takes more than a second to import

    make: Any = ADWIN
    detector = make(delta=delta, clock=1, grace_period=GRACE)
    found = []
    for time, value in enumerate(path):
        detector.update(value)
        if detector.drift_detected:
            found.append(time)
            if len(found) == most:
                break
    return found


adwin = Adwin()
