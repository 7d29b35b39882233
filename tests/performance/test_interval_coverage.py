"""95 % intervals contain the true value in 93 to 97 % of repeated windows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from monitor.fairness import fairness_points
from monitor.performance import performance_points
from monitor.performance.classification import cost_points
from monitor.performance.custom import cohens_kappa, measure
from monitor.performance.rows import LabelledRows, profile_rows
from monitor.points import Point
from monitor.profiles import GroupProfile
from monitor.schemas import Task

CLASSES = np.array(list("abc"), dtype=object)
COSTS = {"1": {"0": 100.0, "1": -5.0}, "0": {"1": 3.0}}
Draw = Callable[[np.random.Generator, int], LabelledRows]


def rows_of(predicted: np.ndarray, label: np.ndarray, score: np.ndarray | None = None, **more: object) -> LabelledRows:
    nothing = np.full(len(label), math.nan)
    numeric = label.dtype != object
    return LabelledRows(
        predicted.astype(str).astype(object),
        label.astype(str).astype(object),
        predicted.astype(np.float64) if numeric else nothing,
        label.astype(np.float64) if numeric else nothing,
        nothing if score is None else score,
        **more,  # type: ignore[arg-type]
    )


def binary(random: np.random.Generator, n: int) -> LabelledRows:
    """Scores of a model that is too sure of itself."""
    truth = random.uniform(size=n) < 0.4
    score = 1 / (1 + np.exp(-1.6 * random.normal(-0.6 + 1.4 * truth, 1.0)))
    return rows_of((score > 0.5).astype(int), truth.astype(int), score)


def multiclass(random: np.random.Generator, n: int) -> LabelledRows:
    logits = random.normal(size=(n, 3)) * 1.2 + np.array([0.5, 0, -0.5])
    said, true = (np.exp(k * logits) / np.exp(k * logits).sum(axis=1, keepdims=True) for k in (1.0, 0.6))
    truth = (true.cumsum(axis=1) < random.uniform(size=(n, 1))).sum(axis=1).clip(0, 2)
    maps = [dict(zip("abc", row, strict=True)) for row in said.tolist()]
    return rows_of(CLASSES[said.argmax(axis=1)], CLASSES[truth], scores=maps)


def multilabel(random: np.random.Generator, n: int) -> LabelledRows:
    said = 1 / (1 + np.exp(-random.normal(size=(n, 1)) - random.normal(size=(n, 3))))
    truth = random.uniform(size=(n, 3)) < said**1.5
    texts = [np.array(["|".join(CLASSES[row]) for row in chosen], dtype=object) for chosen in (said > 0.5, truth)]
    return rows_of(*texts, scores=[dict(zip("abc", row, strict=True)) for row in said.tolist()])


def regression(random: np.random.Generator, n: int) -> LabelledRows:
    """Skewed labels, errors that are biased and grow with nothing."""
    label = 10 + random.gamma(4, 10, n)
    return rows_of(0.8 * label + 6 + random.normal(0, 6, n), label)


def ranking(random: np.random.Generator, n: int) -> LabelledRows:
    score = random.normal(size=6 * n)
    relevance = np.maximum(np.round(0.7 * score + random.normal(size=6 * n)), 0.0)
    texts, nothing = np.full(6 * n, "", dtype=object), np.full(6 * n, math.nan)  # a ranking reads no texts
    return LabelledRows(texts, texts, score, relevance, nothing, group=np.repeat(np.arange(n), 6).astype(object))


TASKS = {
    Task.BINARY: binary,
    Task.MULTICLASS: multiclass,
    Task.MULTILABEL: multilabel,
    Task.REGRESSION: regression,
    Task.RANKING: ranking,
}


def points_of(task: Task, random: np.random.Generator, n: int) -> dict[str, Point]:
    profile = profile_rows(TASKS[task](random, n), task, "1")
    points = performance_points(profile, task, "1", COSTS if task is Task.BINARY else None)
    return {
        point.metric: point
        for point in points
        if not point.column and point.low is not None and point.metric not in ("label_coverage", "cost")
    }


def coverage(task: Task, n: int, windows: int, rows_for_truth: int) -> dict[str, float]:
    random = np.random.default_rng(5)
    drawn = [points_of(task, random, rows_for_truth) for _ in range(5)]
    truth = {metric: np.mean([points[metric].value or 0.0 for points in drawn]) for metric in drawn[0]}
    hits = dict.fromkeys(truth, 0)
    for _ in range(windows):
        points = points_of(task, random, n)
        for metric, value in truth.items():
            low, high = points[metric].low, points[metric].high
            hits[metric] += low is not None and high is not None and low <= value <= high
    return {metric: count / windows for metric, count in hits.items()}


def within(found: dict[str, float], windows: int, least: float = 0.93, most: float = 0.97) -> bool:
    """The chance is estimated itself: three of its standard errors are allowed for."""
    slack = 3 * math.sqrt(0.05 * 0.95 / windows)
    return all(least - slack <= share <= most + slack for share in found.values())


@pytest.mark.parametrize("task", list(TASKS))
def test_intervals_cover_in_a_hundred_windows(task: Task) -> None:
    found = coverage(task, 200, 100, 4_000)
    assert found
    assert within(found, 100), found


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("n", [200, 2000])
@pytest.mark.parametrize("task", list(TASKS))
def test_intervals_cover_93_to_97_percent(task: Task, n: int) -> None:
    windows = 1500 if n == 200 else 600
    found = coverage(task, n, windows, 20_000)
    assert within(found, windows), found


def test_the_interval_of_a_custom_metric_covers() -> None:
    random = np.random.default_rng(6)
    truth = cohens_kappa(binary(random, 400_000))
    hits = 0
    for _ in range(300):
        found = measure(cohens_kappa, binary(random, 300))
        assert found.value is not None
        assert found.error is not None
        hits += abs(found.value - truth) <= 1.96 * found.error
    assert within({"kappa": hits / 300}, 300, 0.92)


@pytest.mark.parametrize("n", [100, 1000])
def test_the_interval_of_a_difference_of_groups_covers(n: int) -> None:
    random = np.random.default_rng(7)
    hits = {"selection_rate_difference": 0, "selection_rate_ratio": 0}
    for _ in range(2000):
        groups = {
            "sex=f": GroupProfile(n, int(random.binomial(n, 0.5))),
            "sex=m": GroupProfile(n, int(random.binomial(n, 0.25))),
        }
        points = {point.metric: point for point in fairness_points(groups)}
        for metric, truth in (("selection_rate_difference", 0.25), ("selection_rate_ratio", 0.5)):
            low, high = points[metric].low, points[metric].high
            hits[metric] += low is not None and high is not None and low <= truth <= high
    assert within({metric: count / 2000 for metric, count in hits.items()}, 2000), hits


def test_costs_are_summed_over_pairs_of_classes() -> None:
    total, mean = cost_points({"1": {"0": 2, "1": 10}, "0": {"1": 4, "0": 84}}, COSTS)
    assert (total.value, mean.value, total.n) == (162.0, 1.62, 100)
    assert total.low is not None
    assert mean.low is not None
    assert total.low == pytest.approx(100 * mean.low)
    nothing, _ = cost_points({}, COSTS)
    assert nothing.value is None
    assert nothing.reason
