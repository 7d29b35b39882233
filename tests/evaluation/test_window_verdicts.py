"""One window's verdicts: too little is `insufficient`, impossible is `undefined`, and each says why in words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from monitor.baselines import BaselineProfile, CategoryBins, numeric_bins
from monitor.drift import DriftRule, judge_columns
from monitor.evaluation import Judgement, MonitorRule, Severity, Verdict, WindowFacts, evaluate_window, words
from monitor.evaluation.point_verdict import normal_values, usual_coverage
from monitor.evaluation.presets import default_rules
from monitor.evaluation.thresholds import Bounds
from monitor.points import Point, Status
from monitor.profiles import (
    CategoricalProfile,
    ErrorProfile,
    LabelledProfile,
    LatencySketch,
    NumericProfile,
    ServiceProfile,
    WindowProfile,
)
from monitor.quality import Rhythm
from monitor.schemas import Task
from monitor.windows import Window

HOUR = timedelta(hours=1)
WINDOW = Window(datetime(2026, 3, 4, tzinfo=UTC), HOUR)
BAND = {"kind": "baseline", "direction": "high", "sigmas": 3, "smallest": 0.05, "without_baseline": 0.05}


def service(rows: int, errors: int = 0, latency: float | None = 20.0) -> WindowProfile:
    sketch = LatencySketch.of([latency] * rows) if latency else LatencySketch()
    return WindowProfile(ServiceProfile(rows, float(rows), 0, errors, sketch), versions={"1": rows} if rows else {})


def labelled(rows: int, predicted: int, right: int) -> WindowProfile:
    confusion = {"1": {"1": right, "0": rows - right}}
    return WindowProfile(ServiceProfile(predicted), labelled=LabelledProfile(rows, predicted, confusion))


def judged(profile: WindowProfile, rule: MonitorRule, **facts: Any) -> Judgement:
    _, [judgement] = evaluate_window(WindowFacts(WINDOW, profile, **facts), [rule])
    return judgement


def rule(metric: str, threshold: dict[str, Any] | None = None, **change: Any) -> MonitorRule:
    return replace(MonitorRule(metric, metric, HOUR, threshold or BAND, min_rows=50), **change)


@pytest.mark.parametrize(
    ("rows", "errors", "verdict", "reason"),
    [
        (0, 0, Verdict.INSUFFICIENT, "0 rows, 50 needed"),
        (49, 49, Verdict.INSUFFICIENT, "49 rows, 50 needed"),
        (50, 2, Verdict.OK, "Error rate 4.0 %, expected at most 5.0 %"),
        (100, 5, Verdict.OK, "Error rate 5.0 %, expected at most 5.0 %"),
        (100, 6, Verdict.BREACH, "Error rate 6.0 %, expected at most 5.0 %"),
    ],
)
def test_an_error_rate_is_judged_from_fifty_rows_on(rows: int, errors: int, verdict: Verdict, reason: str) -> None:
    found = judged(service(rows, errors), rule("error_rate"))
    assert (found.verdict, found.reason, found.evidence["summary"]) == (verdict, reason, reason)
    assert json.loads(json.dumps(found.evidence, allow_nan=False)) == found.evidence


def test_too_few_rows_where_many_are_usual_are_a_finding_and_none_at_all_are_silence() -> None:
    usual = Rhythm(10_000.0, 100.0, 9_000.0, 11_000.0, "the same time of earlier weeks")
    watch = rule("data_quality", {"kind": "quality"})
    baseline = BaselineProfile({}, None, service(5000))
    found = judged(service(40), watch, baseline=baseline, rhythm=usual)
    assert found.verdict is Verdict.BREACH
    assert "40 rows where 10,000 are usual (the same time of earlier weeks)" in found.reason
    for rows, rhythm in ((0, usual), (40, None), (40, replace(usual, usual=45.0, lowest=20.0))):
        few = judged(service(rows), watch, baseline=baseline, rhythm=rhythm)
        assert (few.verdict, few.reason) == (Verdict.INSUFFICIENT, f"{rows} rows, 50 needed")
    assert judged(service(40), watch, rhythm=usual).verdict is Verdict.UNDEFINED


def test_what_a_model_does_not_have_is_undefined_and_an_empty_window_is_insufficient() -> None:
    latency = rule("latency_p95", {"kind": "constant", "high": 100})
    found = judged(service(500, latency=None), latency)
    assert (found.verdict, found.reason) == (Verdict.UNDEFINED, "no record of this window has a latency")
    assert judged(service(0), latency).verdict is Verdict.INSUFFICIENT
    found = judged(service(500), rule("auc"))
    assert (found.verdict, found.reason) == (Verdict.INSUFFICIENT, "0 labelled rows, 50 needed")
    found = judged(service(500), rule("nonsense"))
    assert (found.verdict, found.reason) == (Verdict.UNDEFINED, "this model has no nonsense")


@pytest.mark.parametrize(
    ("come", "verdict"),
    [(100, Verdict.INSUFFICIENT), (719, Verdict.INSUFFICIENT), (721, Verdict.OK), (900, Verdict.OK)],
)
def test_performance_waits_for_four_in_five_of_the_labels_that_usually_come(come: int, verdict: Verdict) -> None:
    baseline = BaselineProfile({}, None, labelled(900, 1000, 720))
    low = rule("accuracy", {"kind": "baseline", "direction": "low", "smallest": 0.05})
    found = judged(labelled(come, 1000, int(0.8 * come)), low, baseline=baseline, task=Task.BINARY)
    assert found.verdict is verdict
    if verdict is Verdict.INSUFFICIENT:
        assert found.reason == f"labels have come for {come / 1000:.0%} of the predictions, 90% are usual"


def test_how_many_labels_are_usual_is_learnt_from_earlier_windows_where_no_baseline_tells() -> None:
    def usual(*earlier: float) -> float:
        return usual_coverage(WindowFacts(WINDOW, WindowProfile(), history={"label_coverage": earlier}))

    assert usual() == usual(0.9, 0.9, 0.9, 0.9) == 0.0
    assert usual(0.0, 0.9, 0.5, 0.9, 0.8) == 0.8
    unlabelled = BaselineProfile({}, None, labelled(0, 1000, 0))
    assert usual_coverage(WindowFacts(WINDOW, WindowProfile(), unlabelled)) == 0.0


def test_normal_values_come_from_five_blocks_else_the_whole_else_earlier_windows() -> None:
    earlier = [0.5] * 5

    def normal(blocks: int, metric: str = "error_rate") -> list[float]:
        baseline = BaselineProfile({}, None, service(1000, 100), tuple(service(100, i) for i in range(blocks)))
        return normal_values(metric, WindowFacts(WINDOW, WindowProfile(), baseline, history={metric: earlier}))

    assert normal(5) == [0.0, 0.01, 0.02, 0.03, 0.04]
    assert normal(4) == [0.1]
    assert normal(5, "mae") == earlier  # the baseline knows no errors of a regression
    # Of blocks as short as windows that are not judged, nothing is said.
    baseline = BaselineProfile({}, None, service(1000, 100), tuple(service(49, i) for i in range(9)))
    facts = WindowFacts(WINDOW, WindowProfile(), baseline)
    assert normal_values("error_rate", facts, 50) == [0.1]
    assert len(normal_values("error_rate", facts, 49)) == 9
    # A count depends on how long it was counted, and blocks are not as long as windows.
    assert normal(5, "throughput") == earlier
    assert normal_values("error_rate", WindowFacts(WINDOW, WindowProfile(), history={"error_rate": earlier[:4]})) == []


def drifting(shift: float = 0.0, rows: int = 1000, **names: str) -> tuple[BaselineProfile, WindowProfile]:
    """A baseline of two features and a prediction, and a window in which all of them moved."""
    random = np.random.default_rng(3)
    before, after = random.normal(size=5000), random.normal(shift, 1, rows)
    bins, plans = numeric_bins(before), CategoryBins(("free", "paid"))
    secret = names.get("value", "free")

    def profile(values: Any, shift: float) -> WindowProfile:
        cut = len(values) if shift else len(values) // 2
        plan = CategoricalProfile.of([secret] * cut + ["paid"] * (len(values) - cut), plans.categories)
        column = NumericProfile.of(values, bins.edges)
        service = ServiceProfile(len(values))
        return WindowProfile(service, {"income": column, "plan": plan}, column, versions={"1": len(values)})

    blocks = tuple(profile(part, 0) for part in np.split(before, 10))
    return BaselineProfile({"income": bins, "plan": plans}, bins, profile(before, 0), blocks), profile(after, shift)


DRIFT = rule("drift", {"kind": "calibrated", "smallest": 0.1, "rate": 0.01})
PREDICTION = rule("prediction_drift", {"kind": "calibrated", "smallest": 0.1, "rate": 0.01})


def test_drift_is_one_verdict_over_all_features_and_names_those_that_moved() -> None:
    baseline, window = drifting(1.5)
    found = judged(window, DRIFT, baseline=baseline, baseline_name="training")
    assert (found.verdict, set(found.columns)) == (Verdict.BREACH, {"income", "plan"})
    worst = found.evidence["columns"][0]
    assert (found.value, found.high) == (worst["value"], worst["limit"])
    assert [c["value"] for c in found.evidence["columns"]] == sorted(
        (c["value"] for c in found.evidence["columns"]), reverse=True
    )
    assert found.evidence["baseline"] == "training"
    assert len(found.evidence["all_columns"]) == 2
    calm = judged(drifting()[1], DRIFT, baseline=baseline)
    assert (calm.verdict, calm.reason, calm.columns) == (Verdict.OK, "None of 2 features drifted", ())
    assert calm.value is not None
    assert calm.high is not None


def test_the_prediction_is_judged_by_itself_and_far_out_is_critical() -> None:
    baseline, window = drifting(3.0)
    found = judged(window, PREDICTION, baseline=baseline)
    assert (found.verdict, found.severity, found.columns) == (Verdict.BREACH, Severity.CRITICAL, ())
    assert found.reason.startswith("Predictions drifted (moved up")
    assert judged(drifting()[1], PREDICTION, baseline=baseline).reason == "Predictions are as in the baseline"


@pytest.mark.parametrize("monitor", [DRIFT, PREDICTION])
def test_drift_without_rows_without_a_baseline_and_without_columns(monitor: MonitorRule) -> None:
    baseline, few = drifting(rows=49)
    found = judged(few, monitor, baseline=baseline)
    assert (found.verdict, found.reason) == (Verdict.INSUFFICIENT, "49 rows, 50 needed")
    found = judged(few, monitor)
    assert (found.verdict, found.reason) == (Verdict.UNDEFINED, "there is no baseline yet")
    found = judged(few, monitor, baseline=BaselineProfile({}, None, service(100)))
    what = "features" if monitor is DRIFT else "predictions"
    assert (found.verdict, found.reason) == (Verdict.UNDEFINED, f"the baseline has no {what}")


def test_a_summary_quotes_no_value_of_a_feature() -> None:
    baseline, window = drifting(2.0, value="Jane Doe, diabetic")
    found = judged(window, DRIFT, baseline=baseline)
    assert found.verdict is Verdict.BREACH
    assert "Jane" not in found.reason + found.evidence["summary"]
    assert all(not character.isdigit() for character in found.evidence["summary"].replace("2 of 2", ""))


def test_a_summary_names_three_features_and_counts_the_others() -> None:
    baseline, _ = drifting()
    [income, _] = judge_columns(baseline, drifting(2.0)[1], DriftRule())
    assert words.drift_summary([income] * 5, 9) == "5 of 9 features drifted: income, income, income and 2 more"
    assert words.drift_summary([income], 9) == "1 of 9 features drifted: income"


def test_one_window_has_each_point_once_and_silence_is_left_to_the_clock() -> None:
    baseline, window = drifting(1.0)
    rules = default_rules(Task.BINARY, True, True, HOUR, 50, 0.1)
    points, judgements = evaluate_window(WindowFacts(WINDOW, window, baseline, "b", Task.BINARY, "1"), rules)
    names = [(point.metric, point.column) for point in points]
    assert len(names) == len(set(names))
    assert {name for name, column in names if column} == {"drift", "missing_rate"}
    assert [j.rule.name for j in judgements] == [r.name for r in rules if r.name != "silence"]


def test_infinite_errors_are_evidence_that_any_database_can_keep() -> None:
    errors = ErrorProfile(100, 0.0, 100.0, float("inf"))
    profile = WindowProfile(ServiceProfile(100), labelled=LabelledProfile(100, 100, errors=errors))
    found = judged(profile, rule("rmse", {"kind": "constant", "high": 5}), task=Task.REGRESSION)
    assert (found.verdict, found.evidence["value"]) == (Verdict.BREACH, None)
    json.dumps(found.evidence, allow_nan=False)


@pytest.mark.parametrize(
    ("task", "scored", "baseline", "last"),
    [
        (None, False, False, "silence"),
        (None, False, True, "prediction_drift"),
        (Task.BINARY, True, False, "silence"),
        (Task.BINARY, True, True, "auc"),
        (Task.BINARY, False, True, "accuracy"),
        (Task.MULTICLASS, True, True, "accuracy"),
        (Task.REGRESSION, False, True, "mae"),
    ],
)
def test_the_default_monitors_are_few(task: Task | None, scored: bool, baseline: bool, last: str) -> None:
    rules = default_rules(task, scored, baseline, HOUR, 50, 0.1)
    assert rules[-1].name == last
    assert len({each.name for each in rules}) == len(rules) <= 9


@pytest.mark.parametrize(
    ("metric", "value", "low", "high", "said"),
    [
        ("auc", 0.5123, 0.66, None, "AUC 0.51, expected at least 0.66"),
        ("error_rate", 0.125, None, 0.05, "Error rate 12.5 %, expected at most 5.0 %"),
        ("latency_p95", 1234.0, None, 88.44, "Latency p95 1,234 ms, expected at most 88 ms"),
        ("mae", 3.14159, 1.0, 2.0, "MAE 3.14, expected at least 1 and at most 2"),
        ("auc", 0.6584, 0.66, None, "AUC 0.6584, expected at least 0.66"),
        ("label_coverage", 0.4, 0.8, None, "Label coverage 40.0 %, expected at least 80.0 %"),
    ],
)
def test_a_verdict_in_words(metric: str, value: float, low: float | None, high: float | None, said: str) -> None:
    assert words.point_summary(metric, Point(metric, value, 100), Bounds(low, high)) == said


def test_every_point_says_why_it_has_no_value() -> None:
    points, _ = evaluate_window(WindowFacts(WINDOW, WindowProfile(), None, "", Task.BINARY, "1"), [])
    assert {p.metric for p in points} >= {"predictions", "error_rate", "latency_p95", "accuracy", "auc", "f1"}
    assert all((p.value is None) == (p.status is not Status.OK) == bool(p.reason) for p in points)


def test_a_feature_whose_values_change_their_kind_is_named() -> None:
    retyped = WindowProfile(ServiceProfile(rows=100), type_errors={"age": 30, "plan": 1})
    found = judged(retyped, rule("type_errors"))
    assert (found.verdict, found.columns) == (Verdict.BREACH, ("age",))
    assert found.reason == "Type errors 30.0 %, expected at most 5.0 %"
    assert judged(WindowProfile(ServiceProfile(rows=100)), rule("type_errors")).verdict is Verdict.OK
