"""Verdicts on columns: silent without drift, awake with it, and never stopped by a broken column."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.baselines import BaselineProfile, CategoryBins, NumericBins, numeric_bins
from monitor.drift import DriftRule, judge_columns, judge_prediction
from monitor.points import Status
from monitor.profiles import CategoricalProfile, NumericProfile, WindowProfile

RULE = DriftRule(min_rows=50)
COLUMNS = 20


def baseline(random: np.random.Generator, rows: int = 5000, blocks: int = 10) -> BaselineProfile:
    data = random.normal(size=(COLUMNS, rows))
    bins = {f"x{i}": numeric_bins(column) for i, column in enumerate(data)}
    parts = tuple(profile(bins, part) for part in np.array_split(data, blocks, axis=1))
    return BaselineProfile(dict(bins), None, profile(bins, data), parts)


def profile(bins: dict[str, NumericBins], data: NDArray[np.float64]) -> WindowProfile:
    return WindowProfile(
        columns={name: NumericProfile.of(column, bins[name].edges) for name, column in zip(bins, data, strict=True)}
    )


def flagged(reference: BaselineProfile, data: NDArray[np.float64]) -> list[str]:
    window = profile(reference.columns, data)  # type: ignore[arg-type]
    return [verdict.name for verdict in judge_columns(reference, window, RULE) if verdict.breach]


@pytest.mark.parametrize("rows", [50, 100, 500, 5000])
def test_without_drift_at_most_one_window_in_a_hundred_raises_any_alarm(rows: int) -> None:
    random = np.random.default_rng(11)
    alarms = 0
    for _ in range(10):
        reference = baseline(random)
        alarms += sum(bool(flagged(reference, random.normal(size=(COLUMNS, rows)))) for _ in range(20))
    assert alarms <= 6  # of 200; a true rate of 1 % gives 7 or more in one run of two hundred


@pytest.mark.parametrize(("known", "rows"), [(100, 20_000), (200, 5000), (1000, 20_000)])
def test_a_baseline_that_is_smaller_than_the_window_raises_no_more_alarms(known: int, rows: int) -> None:
    random = np.random.default_rng(19)
    alarms = 0
    for _ in range(40):
        reference = baseline(random, known, blocks=1)
        alarms += bool(flagged(reference, random.normal(size=(COLUMNS, rows))))
    assert alarms <= 3


def test_a_shift_of_half_a_deviation_is_found_at_two_hundred_rows() -> None:
    random = np.random.default_rng(12)
    reference = baseline(random)
    found = 0
    for _ in range(20):
        data = random.normal(size=(COLUMNS, 200))
        data[3] += 0.5
        found += flagged(reference, data) == ["x3"]
    assert found >= 17


def test_a_breach_is_never_below_the_limit_that_is_shown() -> None:
    random = np.random.default_rng(20)
    reference = baseline(random)
    window = profile(reference.columns, random.normal(0.25, 1, size=(COLUMNS, 1000)))  # type: ignore[arg-type]
    breaches = [verdict for verdict in judge_columns(reference, window, RULE) if verdict.breach]
    assert len(breaches) >= 15
    assert all(verdict.value is not None and verdict.value >= verdict.limit >= RULE.smallest for verdict in breaches)


def test_a_tiny_shift_at_a_million_rows_wakes_nobody() -> None:
    random = np.random.default_rng(13)
    reference = baseline(random)
    data = random.normal(size=(COLUMNS, 200_000)) + 0.01
    assert flagged(reference, data) == []


def test_one_huge_value_neither_makes_nor_hides_a_shift() -> None:
    random = np.random.default_rng(14)
    reference = baseline(random)
    calm = random.normal(size=(COLUMNS, 1000))
    shifted = random.normal(size=(COLUMNS, 1000))
    shifted[0] += 1
    calm[0, 0] = shifted[0, 0] = 1e6
    assert flagged(reference, calm) == []
    assert flagged(reference, shifted) == ["x0"]


def test_a_seasonal_column_stays_silent_where_chance_alone_would_alarm() -> None:
    """Each block of the baseline sits at a level of its own, as days do in weather."""
    random = np.random.default_rng(15)
    levels = random.normal(size=20)
    rows = np.concatenate([random.normal(level, 0.5, 300) for level in levels])
    bins = {"temp": numeric_bins(rows)}
    whole = profile(bins, rows[None])
    blocks = tuple(profile(bins, part[None]) for part in np.split(rows, 20))
    usual_day = random.normal(0.7, 0.5, 300)[None]
    assert flagged(BaselineProfile(dict(bins), None, whole, ()), usual_day) == ["temp"]
    assert flagged(BaselineProfile(dict(bins), None, whole, blocks), usual_day) == []


def test_a_column_that_empties_has_drifted_and_says_so() -> None:
    random = np.random.default_rng(16)
    reference = baseline(random)
    data = random.normal(size=(COLUMNS, 500))
    data[2, :200] = np.nan
    window = profile(reference.columns, data)  # type: ignore[arg-type]
    verdict = next(v for v in judge_columns(reference, window, RULE) if v.name == "x2")
    assert verdict.breach
    assert verdict.why == "missing 0.0% → 40.0%"


def test_broken_columns_are_findings_and_never_stop_the_others() -> None:
    """Absent, retyped, constant, all missing, infinite and too short columns, beside one that really moved."""
    names = ["absent", "retyped", "constant", "gone", "infinite", "moved"]
    random = np.random.default_rng(17)
    good = random.normal(size=2000)
    bins = numeric_bins(good)
    constant = numeric_bins(np.ones(2000))
    whole = {name: NumericProfile.of(good, bins.edges) for name in names}
    whole["constant"] = NumericProfile.of(np.ones(2000), constant.edges)
    reference = BaselineProfile({name: bins for name in names}, None, WindowProfile(columns=whole))  # noqa: C420
    now = random.normal(size=500)
    window = WindowProfile(
        columns={
            "retyped": CategoricalProfile.of(["x"] * 500, ("x",)),
            "constant": NumericProfile.of(np.ones(500), constant.edges),
            "gone": NumericProfile.of(np.full(500, np.nan), bins.edges),
            "infinite": NumericProfile.of(np.full(500, np.inf), bins.edges),
            "moved": NumericProfile.of(now + 2, bins.edges),
        }
    )
    verdicts = {verdict.name: verdict for verdict in judge_columns(reference, window, RULE)}
    assert list(verdicts) == names
    assert verdicts["absent"].status is verdicts["retyped"].status is Status.UNDEFINED
    assert not verdicts["constant"].breach
    assert verdicts["gone"].breach
    assert verdicts["infinite"].breach
    assert verdicts["moved"].breach
    assert "moved up" in verdicts["moved"].why


def test_too_few_rows_are_insufficient_and_no_alarm() -> None:
    random = np.random.default_rng(18)
    reference = baseline(random)
    window = profile(reference.columns, random.normal(3, 1, size=(COLUMNS, 49)))  # type: ignore[arg-type]
    assert {verdict.status for verdict in judge_columns(reference, window, RULE)} == {Status.INSUFFICIENT}


def test_a_window_without_rows_is_insufficient_even_where_one_row_would_do() -> None:
    reference = baseline(np.random.default_rng(18))
    empty = WindowProfile(columns={name: column.zero(column.edges) for name, column in reference.whole.columns.items()})  # type: ignore[union-attr]
    verdicts = judge_columns(reference, empty, DriftRule(min_rows=0))
    assert {(verdict.status, verdict.why) for verdict in verdicts} == {(Status.INSUFFICIENT, "0 rows, 1 needed")}


def test_an_unseen_category_is_named() -> None:
    bins = CategoryBins(("a", "b"))
    before = CategoricalProfile.of(["a"] * 500 + ["b"] * 500, bins.categories)
    after = CategoricalProfile.of(["a"] * 250 + ["b"] * 250 + ["c"] * 200, bins.categories)
    reference = BaselineProfile({}, bins, WindowProfile(prediction=before))
    verdict = judge_prediction(reference, WindowProfile(prediction=after), RULE)
    assert verdict is not None
    assert verdict.breach
    assert verdict.why == "unseen categories: 0.0% → 28.6%"


def test_without_a_prediction_in_the_baseline_there_is_no_verdict() -> None:
    assert judge_prediction(BaselineProfile({}, None, WindowProfile()), WindowProfile(), RULE) is None
