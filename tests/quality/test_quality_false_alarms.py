"""Without a fault, at most one window in a hundred has any finding, at any number of rows."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.baselines import BaselineProfile, numeric_bins
from monitor.profiles import CategoricalProfile, NumericProfile, ServiceProfile, WindowProfile
from monitor.profiles.quality import QualityLimits, QualityProfile
from monitor.quality import QualityRule, judge_quality, learn_limits

RULE = QualityRule()
CATEGORIES = tuple("abcdefghij")


class Stream:
    """Twenty columns: normal, lognormal, rare categories and flags, missing at rates from 0 to a third of the rows.

    With `daily` the rates change from block to block by up to a half, as they do from day to day.
    """

    def __init__(self, seed: int, daily: bool) -> None:
        self.random = np.random.default_rng(seed)
        self.daily = daily
        self.edges = numeric_bins(self.random.normal(size=5000)).edges

    def window(self, n: int, limits: QualityLimits) -> WindowProfile:
        return self.blocks(n, 1, limits)[0]

    def blocks(self, n: int, number: int, limits: QualityLimits) -> list[WindowProfile]:
        return [self._profile(n, limits) for _ in range(number)]

    def _profile(self, n: int, limits: QualityLimits) -> WindowProfile:
        random, columns, outside = self.random, {}, {}
        for i in range(14):
            rate = i % 7 / 20 * (random.uniform(0.5, 1.5) if self.daily else 1.0)
            values = random.normal(size=n) if i < 10 else random.lognormal(0, 1.5, n)
            values = np.where(random.uniform(size=n) < rate, np.nan, values)
            name = f"x{i}"
            columns[name] = NumericProfile.of(values, self.edges)
            low, high = limits.ranges.get(name, (-np.inf, np.inf))
            outside[name] = int(((values < low) | (values > high)).sum())
        shares = np.array([0.5, 0.3, 0.1, 0.05, 0.03, 0.01, 0.005, 0.003, 0.0015, 0.0005])
        for i in range(6):
            drawn = random.multinomial(n, shares)
            kept = tuple(int(count) for count in drawn[: 10 - i])
            columns[f"c{i}"] = CategoricalProfile(CATEGORIES[: 10 - i], kept, unseen=n - sum(kept))
        types = {"x1": int(random.binomial(n, 0.002))}
        far = int(random.binomial(n, 0.001))
        quality = QualityProfile(n, outside, {}, n, int(random.binomial(n, 0.01)), n, 0, n, far)
        return WindowProfile(ServiceProfile(n, float(n)), columns, type_errors=types, quality=quality)


@pytest.mark.parametrize("daily", [False, True])
@pytest.mark.parametrize("rows", [50, 200, 1000, 10_000])
def test_at_most_one_window_in_a_hundred_has_a_finding(rows: int, daily: bool) -> None:
    alarms = windows = 0
    for seed in range(4):
        stream = Stream(seed, daily)
        blocks = stream.blocks(rows, max(10, 3000 // rows), QualityLimits())
        whole = blocks[0]
        for block in blocks[1:]:
            whole = whole.merge(block)
        limits = learn_limits(whole, blocks)
        baseline = BaselineProfile({}, None, whole, tuple(blocks), limits=limits)
        looked = 60 if rows < 10_000 else 25
        windows += looked
        alarms += sum(bool(judge_quality(baseline, stream.window(rows, limits), RULE)) for _ in range(looked))
    assert alarms <= 0.01 * windows + 2  # two more by chance, of so few windows
