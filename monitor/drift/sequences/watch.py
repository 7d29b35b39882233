"""Watching a sequence: from raw values and a baseline's to the first alarm, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.drift.sequences.calibration import LEAST_BASELINE, autocorrelation_of, calibrate
from monitor.drift.sequences.method import HELD, Values, get_sequence_method

RESAMPLED_FROM = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """`first_alarm` is a position in the values that were given; so is `began`, where the newest change that raised an
    alarm most likely started.

    `statistic` has a number per value (nan where the value is missing), and an alarm is one above `threshold`. `level`
    is the mean from `began` to that change's first alarm, `before` the baseline's, in the values' own unit. `reason`
    says why nothing could be watched, and is empty otherwise.
    """

    first_alarm: int | None
    statistic: Values
    threshold: float | None = None
    began: int | None = None
    level: float | None = None
    before: float | None = None
    reason: str = ""

    @property
    def alarmed(self) -> bool:
        """Whether the newest value is (still) above the threshold."""
        present = self.statistic[~np.isnan(self.statistic)]
        return bool(self.threshold is not None and present.size and present[-1] > self.threshold)


def watch(
    values: Sequence[float],
    baseline_values: Sequence[float],
    method: str = "cusum",
    expected_run_length: float = 1000,
) -> Watched:
    """The first alarm of `method` in these values; between two false ones there are `expected_run_length` on average.

    Values are standardised by the baseline's mean and standard deviation, each held within four robust deviations of
    the median first: an outlier must not hide a change. With 200 baseline values and more the threshold is made from
    them, with fewer from normal ones that go on as the baseline's do (lag-1 autocorrelation). Missing and infinite
    values are left out.

    Raises ConfigError for an unknown method and InvalidValue for a run length that is out of range.
    """
    member = get_sequence_method(method)
    sequence, baseline = np.asarray(values, dtype=np.float64), np.asarray(baseline_values, dtype=np.float64)
    baseline = _held(baseline[np.isfinite(baseline)])
    statistic, present = np.full(sequence.size, np.nan), np.flatnonzero(np.isfinite(sequence))
    if baseline.size < LEAST_BASELINE:
        reason = f"the baseline has {baseline.size} values, {LEAST_BASELINE} needed"
        return Watched(None, statistic, reason=reason)
    level, scale = float(baseline.mean()), float(baseline.std(ddof=1))
    if not scale > 1e-12 * abs(level):
        return Watched(None, statistic, before=level, reason="the baseline's values do not vary")
    resampled = tuple(((baseline - level) / scale).tolist()) if baseline.size >= RESAMPLED_FROM else None
    threshold = calibrate(member, expected_run_length, baseline.size, autocorrelation_of(baseline), resampled)
    standard = np.clip((sequence[present] - level) / scale, -HELD, HELD)
    statistic[present] = member.statistics(standard[None], most=max(2 * threshold, 1.0))[0]
    alarms = np.flatnonzero(statistic > threshold)
    if not alarms.size:
        return Watched(None, statistic, threshold, before=level)
    after, alarm = _newest_change(statistic, alarms, threshold)
    began = after + _began(sequence[after : alarm + 1], level)
    now = float(np.nanmean(sequence[began : alarm + 1]))
    return Watched(int(alarms[0]), statistic, threshold, began, now, level)


def _newest_change(statistic: Values, alarms: NDArray[np.intp], threshold: float) -> tuple[int, int]:
    """Where the values after the last change but one start, and the first alarm of the newest one.

    A change is over once the statistic has fallen below half of its threshold; less is hesitation.
    """
    calm = np.flatnonzero(statistic <= threshold / 2)
    last_calm = calm[calm < alarms[-1]].max(initial=-1)
    earlier = alarms[alarms < last_calm]
    after = int(earlier[-1]) + 1 if earlier.size else 0
    return after, int(alarms[alarms >= after][0])


def _held(baseline: Values) -> Values:
    if not baseline.size:
        return baseline
    middle = np.median(baseline)
    reach = HELD * 1.4826 * np.median(np.abs(baseline - middle))
    return np.clip(baseline, middle - reach, middle + reach) if reach > 0 else baseline


def _began(until_alarm: Values, level: float) -> int:
    """The start of the last stretch that is farthest from the level for its length (Hawkins 1977, known level)."""
    backwards = np.where(np.isfinite(until_alarm), until_alarm - level, 0.0)[::-1]
    evidence = np.abs(np.cumsum(backwards)) / np.sqrt(np.arange(1, backwards.size + 1))
    return int(until_alarm.size - 1 - np.argmax(evidence))
