"""Each kind of broken data is found, named, and stops nothing else."""

from __future__ import annotations

import msgspec
import numpy as np
import pandas as pd
import pytest

from monitor.baselines import BaselineProfile
from monitor.points import Status
from monitor.profiles import CategoricalProfile, NumericProfile, WindowProfile
from monitor.quality import QualityFinding, QualityRule, judge_quality, quality_points, quality_summary
from monitor.windows import Window
from tests.quality.frames import START, TICK, Watched, parts_of, watch

RULE = QualityRule()


def frame(n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    return pd.DataFrame(
        {
            "x": x,
            "y": x + random.normal(size=n),
            "tenure": np.where(random.uniform(size=n) < 0.1, np.nan, random.uniform(0, 10, n)),
            "rate": np.full(n, 0.25),
            "plan": pd.Series(np.array(["a", "b", "c"])[random.integers(0, 3, n)], dtype="string"),
        }
    )


@pytest.fixture(scope="module")
def watched() -> Watched:
    data = frame(5000, 1)
    return watch(data, parts_of(data, 10))


def found(watched: Watched, data: pd.DataFrame, delay: float = 0.0) -> dict[tuple[str, str], QualityFinding]:
    findings = judge_quality(watched.baseline, watched.window(data, delay), RULE)
    return {(finding.column, finding.kind): finding for finding in findings}


def test_data_like_the_baseline_s_is_fine(watched: Watched) -> None:
    assert found(watched, frame(500, 2)) == {}


def test_more_missing_values_are_found(watched: Watched) -> None:
    data = frame(500, 2)
    data.loc[:119, "tenure"] = np.nan
    findings = found(watched, data)
    assert list(findings) == [("tenure", "missing")]
    finding = findings["tenure", "missing"]
    assert finding.value == pytest.approx(0.31, abs=0.03)
    assert finding.p_value is not None
    assert finding.p_value < 1e-6
    assert finding.why == "missing: 10.2% → 32.2%"


def test_values_that_are_suddenly_there_are_found_too(watched: Watched) -> None:
    data = frame(500, 2)
    data["tenure"] = data["tenure"].fillna(0.0)
    assert list(found(watched, data)) == [("tenure", "missing")]


def test_a_column_that_no_row_has_is_a_schema_change(watched: Watched) -> None:
    for data in (frame(500, 2).drop(columns="x"), frame(500, 2).assign(x=np.nan)):
        finding = found(watched, data)["x", "schema"]
        assert finding.why == "no row has a value; missing before: 0.0%"


def test_a_column_that_no_row_had_either_is_no_change() -> None:
    data = frame(5000, 1).assign(gone=np.nan)
    assert found(watch(data, parts_of(data, 10)), frame(500, 2).assign(gone=np.nan)) == {}


def test_a_new_feature_is_a_schema_change(watched: Watched) -> None:
    findings = found(watched, frame(500, 2).assign(extra=1.0))
    assert list(findings) == [("extra", "schema")]
    assert "new feature" in findings["extra", "schema"].why


def test_a_stray_key_in_one_row_is_not(watched: Watched) -> None:
    data = frame(500, 2)
    data["extra"] = np.where(np.arange(500) == 7, 1.0, np.nan)
    assert found(watched, data) == {}


def test_values_out_of_range_and_infinite_ones_are_found(watched: Watched) -> None:
    data = frame(500, 2)
    data.loc[:9, "x"], data.loc[:9, "tenure"] = 1e6, np.inf
    findings = found(watched, data)
    assert findings["x", "out_of_range"].value == pytest.approx(0.02)
    assert ("tenure", "out_of_range") in findings


def test_an_unseen_category_is_found(watched: Watched) -> None:
    data = frame(500, 2)
    data.loc[:9, "plan"] = "d"
    findings = found(watched, data)
    assert list(findings) == [("plan", "unseen_category")]
    assert findings["plan", "unseen_category"].why == "unseen categories: 0.0% → 2.0%"


def test_a_column_that_became_constant_is_found(watched: Watched) -> None:
    findings = found(watched, frame(500, 2).assign(tenure=5.0, plan=pd.Series(["a"] * 500, dtype="string")))
    assert ("tenure", "constant") in findings
    assert ("plan", "constant") in findings


def test_a_constant_that_starts_to_vary_is_found(watched: Watched) -> None:
    data = frame(500, 2)
    data["rate"] = np.where(np.arange(500) % 2, 0.25, 0.2)
    findings = found(watched, data)
    assert list(findings) == [("rate", "constant")]
    assert findings["rate", "constant"].why == "it was constant and varies now: 0.0% → 50.0% of its values differ"


def test_repeated_rows_are_found(watched: Watched) -> None:
    once = frame(400, 2)
    finding = found(watched, pd.concat([once, once[:100]], ignore_index=True))["", "duplicates"]
    assert finding.value == pytest.approx(0.2)


def test_blocks_of_more_than_four_times_the_rows_tell_neither_constants_nor_repeats(watched: Watched) -> None:
    def kinds(rows: int) -> set[str]:
        data = frame(rows, 2).assign(x=5.0)
        data[rows // 2 :] = data[: rows - rows // 2].to_numpy()
        return {kind for _, kind in found(watched, data.assign(plan=data["plan"].astype("string")))}

    assert {"constant", "duplicates"} <= kinds(126)  # blocks have 500 rows
    assert not {"constant", "duplicates"} & kinds(124)


def test_rows_that_break_the_pattern_are_found(watched: Watched) -> None:
    data = frame(500, 2)
    data.loc[:49, "x"], data.loc[:49, "y"] = 2.5, -2.5
    finding = found(watched, data)["", "outliers"]
    assert finding.value == pytest.approx(0.1, abs=0.01)


def test_rows_that_come_hours_late_are_found(watched: Watched) -> None:
    assert found(watched, frame(500, 2), delay=30.0) == {}
    finding = found(watched, frame(500, 2), delay=7200.0)["", "freshness"]
    assert finding.value == pytest.approx(7200, rel=0.02)
    assert finding.limit == pytest.approx(300, rel=0.02)


def test_values_of_another_kind_are_found(watched: Watched) -> None:
    window = msgspec.structs.replace(watched.window(frame(500, 2)), type_errors={"x": 25})
    findings = judge_quality(watched.baseline, window, RULE)
    assert [(finding.column, finding.kind, finding.why) for finding in findings] == [
        ("x", "type_errors", "values of another kind: 0.0% → 5.0%")
    ]


def test_broken_columns_stop_nothing_else(watched: Watched) -> None:
    window = watched.window(frame(500, 2))
    columns = dict(window.columns)
    columns["plan"] = NumericProfile.of(np.ones(500), (0.0,))
    columns["y"] = NumericProfile.of(np.full(500, -np.inf), columns["y"].edges)  # type: ignore[union-attr]
    del columns["tenure"]
    odd = msgspec.structs.replace(window, columns={**columns, "surprise": CategoricalProfile((), ())})
    kinds = {(finding.column, finding.kind) for finding in judge_quality(watched.baseline, odd, RULE)}
    assert kinds == {("plan", "schema"), ("tenure", "schema"), ("y", "out_of_range")}


def test_empty_profiles_give_no_findings(watched: Watched) -> None:
    assert judge_quality(watched.baseline, WindowProfile(), RULE) == []
    assert judge_quality(BaselineProfile({}, None, WindowProfile()), watched.window(frame(500, 2)), RULE) == []


def test_too_few_rows_are_not_judged(watched: Watched) -> None:
    assert found(watched, frame(40, 2).assign(x=np.nan)) == {}


def test_a_smallest_effect_of_one_s_own_is_kept_to(watched: Watched) -> None:
    data = frame(500, 2)
    data.loc[:119, "tenure"] = np.nan
    calm = QualityRule(smallest={"missing": 0.5})
    assert judge_quality(watched.baseline, watched.window(data), calm) == []


def test_the_summary_names_the_worst_and_counts_the_rest(watched: Watched) -> None:
    assert quality_summary([], 5) == "Nothing is wrong with the data of 5 columns"
    data = frame(500, 2)
    data.loc[:9, "plan"] = "d"
    summary = quality_summary(judge_quality(watched.baseline, watched.window(data), RULE), 5)
    assert summary == "1 of 5 columns look broken: plan (unseen categories: 0.0% → 2.0%)"
    late = quality_summary(judge_quality(watched.baseline, watched.window(frame(500, 2), 7200.0), RULE), 5)
    assert late.startswith("The data looks broken: one row in twenty arrives more than")


def test_points_say_what_was_counted(watched: Watched) -> None:
    data = frame(500, 2)
    data.loc[:9, "plan"], data.loc[:4, "x"] = "d", 1e6
    span = Window(START, 1000 * TICK)
    points = {(p.metric, p.column): p for p in quality_points(watched.window(data, 60.0), watched.baseline, span)}
    assert points["unseen_category", "plan"].value == points["unseen_category", ""].value == 0.02
    assert points["out_of_range", "x"].value == 0.01
    assert points["missing_rate", "tenure"].value == pytest.approx(0.1, abs=0.03)
    assert points["type_errors", ""].value == points["schema_changes", ""].value == points["constant", ""].value == 0
    assert points["freshness_p95", ""].value == pytest.approx(60, rel=0.01)
    assert points["freshness_age", ""].value == 501
    outliers = points["outlier_rate", ""].value
    assert outliers is not None
    assert outliers >= 0.01


def test_points_of_nothing_are_undefined_and_say_why(watched: Watched) -> None:
    span = Window(START, 1000 * TICK)
    for baseline in (None, watched.baseline):
        points = quality_points(WindowProfile(), baseline, span)
        assert {point.status for point in points} == {Status.UNDEFINED}
        assert all(point.reason for point in points)
