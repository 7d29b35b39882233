"""How the baseline's own windows vary, and how columns that don't speak for each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monitor.baselines import BaselineProfile, numeric_bins
from monitor.drift import DriftRule, judge_columns
from monitor.drift.dispersion import Between, Dispersion, between_blocks, moderate
from monitor.drift.scores import Statistic
from monitor.profiles import NumericProfile, WindowProfile


def statistic(reference: np.ndarray) -> Statistic:
    return Statistic("location", "values", 1.0, np.arange(reference.size) / reference.size, reference)


def test_blocks_of_independent_rows_vary_by_chance_alone() -> None:
    random = np.random.default_rng(1)
    ratios = []
    for _ in range(50):
        blocks = random.multinomial(300, np.full(16, 1 / 16), 20).astype(float)
        found = between_blocks(statistic(blocks.sum(axis=0)), list(blocks))
        assert found is not None
        ratios.append(found.ratio)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.15)


def test_fewer_than_three_blocks_and_a_constant_column_say_nothing() -> None:
    counts = np.array([10.0, 20.0])
    assert between_blocks(statistic(counts * 2), [counts] * 2) is None
    constant = Statistic("location", "values", 1.0, np.array([1.0, 1.0]), counts * 6)
    assert between_blocks(constant, [counts] * 6) is None


def test_calm_columns_lend_each_other_their_certainty() -> None:
    random = np.random.default_rng(2)
    calm = [Between(float(random.chisquare(10) / 10), 300, 10) for _ in range(40)]
    assert all(each.freedom == np.inf for each in moderate(calm))
    alone = moderate([Between(1.0, 300, 9)])[0]
    assert alone.tail(3.0, 300) == pytest.approx(2 * stats.t.sf(3.0, 9))


def test_one_wild_column_keeps_its_own_variance() -> None:
    calm = [Between(1.0 + 0.05 * i, 300, 20) for i in range(-5, 5)]
    wild = moderate([*calm, Between(200.0, 300, 20)])[-1]
    assert wild.between * 300 > 20


def test_columns_that_vary_alike_count_as_one() -> None:
    """One weather moves twenty columns: their agreement on how far is no certainty."""
    alike = moderate([Between(40.0, 300, 4)] * 20)[0]
    assert alike.freedom == np.inf
    assert alike.tail(30.0, 300) == pytest.approx(2 * stats.t.sf(30 / np.sqrt(1 + alike.between * 300), 4), rel=0.2)


@pytest.mark.parametrize(("blocks", "together", "most"), [(3, True, 0.1), (5, False, 0.03)])
def test_few_windows_that_differ_are_enough_to_know_that_windows_differ(
    blocks: int, together: bool, most: float
) -> None:
    """Every window has a level of its own, of all its columns or of each; without blocks nearly all would alarm."""
    random = np.random.default_rng(blocks + together)
    columns, rows = 8, 300
    found = []
    for _ in range(40):
        levels = 0.3 * random.normal(size=(blocks + 2, 1 if together else columns))
        parts = [random.normal(level, 1, size=(rows, columns)) for level in levels]
        known = np.concatenate(parts[:blocks])
        edges = [numeric_bins(known[:, at]).edges for at in range(columns)]
        profiles = [
            WindowProfile(
                columns={f"x{at}": NumericProfile.of(part[:, at], edges[at]) for at in range(columns)},
            )
            for part in [known, *parts]
        ]
        baseline = BaselineProfile({}, None, profiles[0], tuple(profiles[1 : blocks + 1]))
        for window in profiles[blocks + 1 :]:
            found.append(any(verdict.breach for verdict in judge_columns(baseline, window, DriftRule())))
    assert np.mean(found) <= most


def test_no_blocks_raise_no_objection() -> None:
    assert moderate([None, None]) == [Dispersion(), Dispersion()]
    assert Dispersion().tail(2.0, 100) == pytest.approx(2 * stats.norm.sf(2.0))


def test_autocorrelated_inputs_raise_no_more_alarms_than_independent_ones() -> None:
    random = np.random.default_rng(6)
    rows, blocks, windows, columns = 200, 60, 40, 20
    noise = random.normal(size=((blocks + windows) * rows + 200, columns)) * np.sqrt(1 - 0.9**2)
    series = np.zeros_like(noise)
    for at in range(1, len(noise)):
        series[at] = 0.9 * series[at - 1] + noise[at]
    parts = np.split(series[200:], blocks + windows)
    known = np.concatenate(parts[:blocks])
    bins = {f"x{i}": numeric_bins(known[:, i]) for i in range(columns)}

    def profile(part: np.ndarray) -> WindowProfile:
        return WindowProfile(
            columns={n: NumericProfile.of(part[:, i], b.edges) for i, (n, b) in enumerate(bins.items())}
        )

    baseline = BaselineProfile(dict(bins), None, profile(known), tuple(profile(part) for part in parts[:blocks]))
    alarms = [any(v.breach for v in judge_columns(baseline, profile(part), DriftRule())) for part in parts[blocks:]]
    by_chance = BaselineProfile(dict(bins), None, profile(known))
    naive = [any(v.breach for v in judge_columns(by_chance, profile(part), DriftRule())) for part in parts[blocks:]]
    assert sum(alarms) <= 2
    assert sum(naive) >= 30
