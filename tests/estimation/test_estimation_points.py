from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from monitor.estimation import THRESHOLDS, BinaryCbpe, estimated_points, estimation_error_points, fit_cbpe
from monitor.estimation.grid import estimate_grid
from monitor.evaluation.thresholds import bounds_of, breaches
from monitor.metrics import KNOWN, describe
from monitor.points import Point, Status, undefined
from monitor.profiles import WindowProfile
from monitor.profiles.scored import ScoreCells, ScoredProfile, ScoreSample
from tests.estimation.peers import frames

SIZE = 1000


def scored_window(frame: pd.DataFrame) -> WindowProfile:
    predicted, scores = frame["prediction"].to_numpy() == 1, frame["score"].to_numpy()
    return WindowProfile(scored=ScoredProfile(ScoreCells.of(scores[predicted]), ScoreCells.of(scores[~predicted])))


def accuracy(frame: pd.DataFrame) -> float:
    return float((frame["label"] == frame["prediction"]).mean())


def test_points_have_intervals_and_names_that_are_known() -> None:
    frame = frames.binary(2000, 1)
    fitted = fit_cbpe(frame["label"].tolist(), frame["prediction"].tolist(), frame["score"].to_numpy(), "1")
    found = estimated_points(fitted, scored_window(frames.binary(SIZE, 2)))
    assert {point.metric for point in found} == {
        f"estimated_{name}" for name in ("accuracy", "auc", "f1", "precision", "recall", "specificity", "pr_auc")
    }
    for point in found:
        assert point.metric in KNOWN
        assert point.n == SIZE
        assert 0 <= point.low < point.value < point.high <= 1  # type: ignore[operator]


def test_the_intervals_hold_what_labels_say_in_most_windows() -> None:
    frame = frames.binary(5000, 1, 1.7)
    fitted = fit_cbpe(frame["label"].tolist(), frame["prediction"].tolist(), frame["score"].to_numpy(), "1")
    held = []
    for seed in range(100, 200):
        window = frames.binary(SIZE, seed, 1.7)
        (point,) = (p for p in estimated_points(fitted, scored_window(window)) if p.metric == "estimated_accuracy")
        held.append(point.low <= accuracy(window) <= point.high)  # type: ignore[operator]
    assert 0.9 <= np.mean(held) <= 0.99


def test_an_interval_is_two_standard_errors_and_the_grids_own_error() -> None:
    frame, window = frames.binary(5000, 1, 1.7), scored_window(frames.binary(SIZE, 7, 1.7))
    fitted = fit_cbpe(frame["label"].tolist(), frame["prediction"].tolist(), frame["score"].to_numpy(), "1")
    assert isinstance(fitted, BinaryCbpe)
    found = estimate_grid(fitted, window.scored)
    points = {point.metric: point for point in estimated_points(fitted, window)}
    for metric in ("accuracy", "auc"):
        estimate, slack = found[metric].estimate, found[metric].slack
        assert slack > 1e-5
        assert points[f"estimated_{metric}"].high == pytest.approx(estimate.value + 1.96 * estimate.error + slack)


def estimate(value: float | None = 0.9, n: int = 100, metric: str = "accuracy") -> Point:
    return Point(f"estimated_{metric}", value, n, "", 0.87, 0.93)


def test_the_estimators_error_is_its_estimate_minus_what_labels_said() -> None:
    (found,) = estimation_error_points([estimate()], [Point("accuracy", 0.8, 100, "", 0.76, 0.84)])
    assert found.metric == "estimation_error_accuracy"
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.05, 0.15))
    assert describe(found.metric).bad == "both"


def test_there_is_no_error_before_labels_come_or_without_an_estimate() -> None:
    assert estimation_error_points([estimate()], []) == []
    assert estimation_error_points([estimate()], [undefined("accuracy", 0, "no labels")]) == []
    assert estimation_error_points([undefined("estimated_accuracy", 0, "no scores")], [Point("accuracy", 0.8, 9)]) == []


def test_an_error_over_few_labels_is_insufficient_and_says_so() -> None:
    coverage = Point("label_coverage", 0.1, 1000)
    for metric in ("accuracy", "precision"):  # the rows of a precision are those predicted positive
        (found,) = estimation_error_points([estimate(n=1000, metric=metric)], [coverage, Point(metric, 0.8, 100)])
        assert found.status is Status.INSUFFICIENT
        assert found.reason == "labels have come for 10% of the predictions"
        assert found.low is None
    enough = Point("label_coverage", 0.6, 1000)
    (found,) = estimation_error_points([estimate(metric="recall")], [enough, Point("recall", 0.8, 4)])
    assert found.status is Status.OK


def alarms(fitted: object, windows: list[WindowProfile], metric: str, normal: list[float]) -> list[bool]:
    """Whether each window's estimate breaches the default threshold, given what was realised in the baseline."""
    found = []
    for window in windows:
        points = {point.metric: point for point in estimated_points(fitted, window)}  # type: ignore[arg-type]
        bounds = bounds_of(THRESHOLDS[metric], points[metric], normal)
        assert bounds is not None
        found.append(breaches(points[metric], bounds))
    return found


def test_car_loans_that_get_worse_are_told_before_any_label_comes(shared_data: Path) -> None:
    loans = frames.car_loan(shared_data)
    baseline = loans[:50_000]
    fitted = fit_cbpe(baseline["label"].tolist(), baseline["prediction"].tolist(), baseline["score"].to_numpy(), "1")
    assert isinstance(fitted, BinaryCbpe)
    normal = [accuracy(baseline[i : i + SIZE]) for i in range(0, 50_000, SIZE)]
    windows = [scored_window(loans[i : i + SIZE]) for i in range(50_000, 100_000, SIZE)]
    told = alarms(fitted, windows, "estimated_accuracy", normal)
    assert told == [False] * 25 + [True] * 25


def test_credit_cards_that_get_worse_are_told_before_any_label_comes(shared_data: Path) -> None:
    cards = frames.credit_card(shared_data)
    scores = [f"score_{name}" for name in frames.CREDIT_CLASSES]
    baseline = cards[:60_000]
    table = {name: baseline[f"score_{name}"].to_numpy() for name in frames.CREDIT_CLASSES}
    fitted = fit_cbpe(baseline["label"].tolist(), baseline["prediction"].tolist(), table)
    normal = [accuracy(baseline[i : i + SIZE]) for i in range(0, 60_000, SIZE)]
    windows = []
    for i in range(60_000, 120_000, SIZE):
        part = cards[i : i + SIZE]
        columns = {name: tuple(part[column]) for name, column in zip(frames.CREDIT_CLASSES, scores, strict=True)}
        sample = ScoreSample(tuple(range(SIZE)), tuple(part["prediction"]), columns, SIZE)
        windows.append(WindowProfile(scored=ScoredProfile(sample=sample)))
    told = alarms(fitted, windows, "estimated_accuracy", normal)
    assert told == [False] * 30 + [True] * 30
