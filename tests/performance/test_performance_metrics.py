"""Metrics from counts equal scikit-learn's on the rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from monitor.model_settings import ModelSettings
from monitor.performance import performance_points, primary_metric
from monitor.performance.ranking import request_values
from monitor.performance.rows import LabelledRows, profile_rows
from monitor.points import Point, Status, share_point
from monitor.profiles import ErrorProfile, LabelledProfile, ScoreProfile
from monitor.schemas import Task

RANDOM = np.random.default_rng(3)


def confusion_of(labels: np.ndarray, predictions: np.ndarray) -> dict[str, dict[str, int]]:
    counted: dict[str, dict[str, int]] = {}
    for label, prediction in zip(labels, predictions, strict=True):
        row = counted.setdefault(str(label), {})
        row[str(prediction)] = row.get(str(prediction), 0) + 1
    return counted


def by_name(points: list[Point]) -> dict[str, Point]:
    return {point.metric: point for point in points}


def test_binary_metrics_equal_scikit_learns() -> None:
    labels = RANDOM.integers(0, 2, 700)
    scores = np.clip(0.3 * labels + RANDOM.uniform(0, 0.7, 700), 0, 1)
    scores = np.floor(scores * 2048) / 2048  # on the grid, where the AUC from counts is exact
    predicted = (scores > 0.5).astype(int)
    buckets: dict[int, tuple[int, int]] = {}
    for label, score in zip(labels, scores, strict=True):
        old = buckets.get(int(score * 2048), (0, 0))
        buckets[int(score * 2048)] = (old[0] + (label == 0), old[1] + (label == 1))
    profile = LabelledProfile(700, 1000, confusion_of(labels, predicted), ScoreProfile(buckets))
    points = by_name(performance_points(profile, Task.BINARY, "1"))
    assert points["accuracy"].value == pytest.approx(sk.accuracy_score(labels, predicted), abs=1e-12)
    assert points["precision"].value == pytest.approx(sk.precision_score(labels, predicted), abs=1e-12)
    assert points["recall"].value == pytest.approx(sk.recall_score(labels, predicted), abs=1e-12)
    assert points["f1"].value == pytest.approx(sk.f1_score(labels, predicted), abs=1e-12)
    assert points["auc"].value == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-12)
    assert points["label_coverage"].value == pytest.approx(0.7)
    assert points["labels"].value == 700


def test_the_auc_of_scores_off_the_grid_is_close() -> None:
    labels = RANDOM.integers(0, 2, 5000)
    scores = np.clip(RANDOM.normal(0.4 + 0.1 * labels, 0.15), 0, 1)
    buckets: dict[int, tuple[int, int]] = {}
    for label, score in zip(labels, scores, strict=True):
        old = buckets.get(int(score * 2048), (0, 0))
        buckets[int(score * 2048)] = (old[0] + (label == 0), old[1] + (label == 1))
    points = by_name(performance_points(LabelledProfile(5000, 5000, {}, ScoreProfile(buckets)), Task.BINARY, "1"))
    auc = points["auc"]
    assert auc.value == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-3)
    assert auc.low is not None
    assert auc.high is not None
    assert auc.low < sk.roc_auc_score(labels, scores) < auc.high


def test_multiclass_metrics_are_means_over_classes() -> None:
    labels, predicted = RANDOM.choice(list("abc"), 300), RANDOM.choice(list("abc"), 300)
    points = by_name(
        performance_points(LabelledProfile(300, 300, confusion_of(labels, predicted)), Task.MULTICLASS, None)
    )
    assert points["accuracy"].value == pytest.approx(sk.accuracy_score(labels, predicted), abs=1e-12)
    assert points["precision"].value == pytest.approx(sk.precision_score(labels, predicted, average="macro"), abs=1e-12)
    assert points["f1"].value == pytest.approx(sk.f1_score(labels, predicted, average="macro"), abs=1e-12)
    assert points["auc"].status is Status.UNDEFINED
    assert "score" in points["auc"].reason


def test_regression_metrics_equal_scikit_learns() -> None:
    labels = RANDOM.normal(size=400)
    predicted = labels + RANDOM.normal(0.3, 1, 400)
    error = predicted - labels
    errors = ErrorProfile(400, float(error.sum()), float(np.abs(error).sum()), float((error**2).sum()))
    points = by_name(performance_points(LabelledProfile(400, 400, errors=errors), Task.REGRESSION, None))
    assert points["mae"].value == pytest.approx(sk.mean_absolute_error(labels, predicted), abs=1e-12)
    assert points["rmse"].value == pytest.approx(sk.root_mean_squared_error(labels, predicted), abs=1e-12)
    assert points["bias"].value == pytest.approx(float(error.mean()), abs=1e-12)


@pytest.mark.parametrize("predicted", [1e76, 1e100, 1e149, 1e200])
def test_an_astronomical_prediction_stops_no_other_metric(predicted: float) -> None:
    def profile(first: float, label: float = 1.0) -> LabelledProfile:
        values, labels = np.array([first, 2.0, 3.0]), np.array([label, 2.0, 3.5])
        texts = np.array(["", "", ""], dtype=object)
        return profile_rows(LabelledRows(texts, texts, values, labels, np.full(3, np.nan)), Task.REGRESSION)

    odd, far, fine = profile(predicted), profile(1.0, predicted), profile(1.5)
    for each in (odd, far, odd.merge(fine), far.merge(fine), odd.merge(far)):
        points = by_name(performance_points(each, Task.REGRESSION, None))
        assert points["mae"].status is points["rmse"].status is Status.OK
        assert all(point.value is None or math.isfinite(point.value) for point in points.values())
        assert all(point.low is None or math.isfinite(point.low) for point in points.values())


def test_a_perfect_mean_over_classes_is_not_certain() -> None:
    points = by_name(performance_points(LabelledProfile(9, 9, {c: {c: 3} for c in "abc"}), Task.MULTICLASS, None))
    for metric in ("accuracy", "balanced_accuracy", "precision", "recall", "f1"):
        assert points[metric].value == points[metric].high == 1
        assert points[metric].low < 0.75  # type: ignore[operator]


def test_one_row_has_no_interval_of_its_calibration_error() -> None:
    text, nothing = np.array(["1"], dtype=object), np.array([math.nan])
    rows = LabelledRows(text, text, nothing, nothing, np.array([0.7]))
    found = by_name(performance_points(profile_rows(rows, Task.BINARY, "1"), Task.BINARY, "1"))["calibration_error"]
    assert found.value == pytest.approx(0.3)
    assert found.low is None


def test_the_gain_of_a_list_is_at_most_one_whatever_the_labels() -> None:
    ndcg, average, reciprocal, hit = request_values(np.array([0.9, 0.8, 0.1]), np.array([-5.0, -5.0, 1.0]))
    assert (ndcg, average, reciprocal, hit) == (pytest.approx(0.5), pytest.approx(1 / 3), pytest.approx(1 / 3), True)
    assert request_values(np.array([0.9, 0.8]), np.array([-1.0, 0.0])) == (0.0, 0.0, 0.0, False)


def test_without_labels_every_metric_is_undefined_and_says_why() -> None:
    for task in Task:
        points = performance_points(LabelledProfile(0, 50), task, "1")
        undefined = [point for point in points if point.metric not in ("labels", "label_coverage", "confusion")]
        assert undefined
        assert all(point.status is Status.UNDEFINED and point.reason for point in undefined)


def test_one_class_alone_has_no_auc() -> None:
    points = by_name(performance_points(LabelledProfile(5, 5, {}, ScoreProfile({3: (0, 5)})), Task.BINARY, "1"))
    assert points["auc"].status is Status.UNDEFINED
    assert "one class" in points["auc"].reason


def test_shares_keep_their_interval_inside_zero_and_one() -> None:
    for hits, n in ((0, 10), (10, 10), (1, 3), (6, 6)):
        point = share_point("accuracy", hits, n)
        assert point.low is not None
        assert point.high is not None
        assert 0 <= point.low <= hits / n <= point.high <= 1


def test_costs_are_finite() -> None:
    for cost in (math.inf, math.nan):
        with pytest.raises(ValueError, match="finite number"):
            ModelSettings(costs={"1": {"0": cost}})


def test_the_primary_metric_follows_the_task() -> None:
    assert primary_metric(Task.BINARY, True) == "auc"
    assert primary_metric(Task.BINARY, False) == primary_metric(Task.MULTICLASS, True) == "accuracy"
    assert primary_metric(Task.REGRESSION, False) == "mae"
    assert primary_metric(None, True) is None
