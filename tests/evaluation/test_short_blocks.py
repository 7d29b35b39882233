"""A baseline of the first rows ends in the middle of a window; that short block must not hide drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.baselines import BaselineProfile, NumericBins, numeric_bins
from monitor.evaluation import MonitorRule, Verdict, WindowFacts, evaluate_window
from monitor.profiles import NumericProfile, ServiceProfile, WindowProfile
from monitor.windows import Window

HOUR = timedelta(hours=1)
RULE = MonitorRule("feature_drift", "drift", HOUR, {"kind": "calibrated", "smallest": 0.1, "rate": 0.01}, min_rows=50)
PER_WINDOW, TRIALS = 700, 20


def profile(bins: NumericBins, values: NDArray[np.float64]) -> WindowProfile:
    return WindowProfile(ServiceProfile(len(values)), {"x": NumericProfile.of(values, bins.edges)})


def breaches(short: int, loc: float, scale: float) -> int:
    """In how many trials a window of this location and scale drifted from seven whole blocks and a short one."""
    random = np.random.default_rng([41, short])
    found = 0
    for _ in range(TRIALS):
        values = random.normal(size=7 * PER_WINDOW + short)
        bins = numeric_bins(values)
        blocks = tuple(profile(bins, part) for part in np.split(values, [PER_WINDOW * i for i in range(1, 8)]))
        baseline = BaselineProfile({"x": bins}, None, profile(bins, values), blocks)
        window = profile(bins, random.normal(loc, scale, PER_WINDOW))
        facts = WindowFacts(Window(datetime(2026, 3, 4, tzinfo=UTC), HOUR), window, baseline)
        _, [judgement] = evaluate_window(facts, [RULE])
        found += judgement.verdict is Verdict.BREACH
    return found


@pytest.mark.parametrize("short", [3, 20, 200, 350, 700])
def test_a_wider_spread_and_a_shift_are_found_however_long_the_last_block_is(short: int) -> None:
    assert breaches(short, 0.0, 1.6) >= 0.9 * TRIALS
    assert breaches(short, 0.45, 1.0) >= 0.9 * TRIALS


@pytest.mark.parametrize("short", [3, 60, 100, 700])
def test_without_drift_a_short_block_raises_no_alarm(short: int) -> None:
    assert breaches(short, 0.0, 1.0) == 0
