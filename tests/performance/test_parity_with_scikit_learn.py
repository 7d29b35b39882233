"""Every performance metric equals scikit-learn's to 1e-12 on the same rows: of rows in memory and through DuckDB."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from monitor.engines import ProfileRequest, RowSource, get_engine
from monitor.lake import labels_table, predictions_table
from monitor.performance import performance_points
from monitor.performance.custom import get_metric
from monitor.performance.rows import LabelledRows, profile_rows
from monitor.points import Point, Status
from monitor.profiles import LabelledProfile
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import Task

START = datetime(2026, 3, 4, tzinfo=UTC)
ENGINE = get_engine()
EXACT = {"rel": 1e-12, "abs": 1e-12}
SEEDS = range(6)
CLASSES = ["a", "b", "c", "d"]

Profiler = Callable[[LabelledRows, Task], LabelledProfile]


def by_duckdb(rows: LabelledRows, task: Task) -> LabelledProfile:
    records, labels = [], []
    for i in range(len(rows)):
        number = rows.prediction_value[i]
        predicted = rows.prediction[i] if math.isnan(number) else float(number)
        name = f"p{i}" if rows.group is None else f"{rows.group[i]}/{i + 1}"
        score = None if math.isnan(rows.score[i]) else float(rows.score[i])
        scores = dict(rows.scores[i]) if len(rows.scores) else None  # type: ignore[arg-type]
        records.append(
            PredictionRecord(
                model="m",
                prediction_id=name,
                event_time=START,
                received_time=START,
                prediction=predicted,
                score=score,
                scores=scores,
            )
        )
        number = rows.label_value[i]
        label = rows.label[i] if math.isnan(number) else float(number)
        labels.append(LabelRecord(model="m", prediction_id=name, label=label, label_time=START, received_time=START))
    request = ProfileRequest(
        RowSource(table=predictions_table(records, {})),
        RowSource(table=labels_table(labels)),
        START,
        START + timedelta(hours=1),
        task=task,
        positive_class="1",
    )
    return ENGINE.profile(request).labelled


def in_memory(rows: LabelledRows, task: Task) -> LabelledProfile:
    return profile_rows(rows, task, "1")


@pytest.fixture(params=[in_memory, by_duckdb])
def profiler(request: pytest.FixtureRequest) -> Profiler:
    found: Profiler = request.param
    return found


def rows_of(labels: Any, predictions: Any, scores: Any = None, **more: Any) -> LabelledRows:
    def number(value: Any) -> float:
        return float(value) if not isinstance(value, str) or value.isdigit() else math.nan

    n = len(labels)
    return LabelledRows(
        np.array([str(v) for v in predictions], dtype=object),
        np.array([str(v) for v in labels], dtype=object),
        np.array([number(v) for v in predictions]),
        np.array([number(v) for v in labels]),
        np.full(n, np.nan) if scores is None else np.asarray(scores, dtype=np.float64),
        **more,
    )


def measured(profiler: Profiler, rows: LabelledRows, task: Task) -> dict[str, Point]:
    points = performance_points(profiler(rows, task), task, "1")
    return {point.metric: point for point in points if not point.column}


def assert_binary(points: dict[str, Point], labels: Any, predicted: Any, scores: Any) -> None:
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "precision": sk.precision_score(labels, predicted, zero_division=np.nan),
        "recall": sk.recall_score(labels, predicted, zero_division=np.nan),
        "f1": sk.f1_score(labels, predicted, zero_division=np.nan),
        "log_loss": sk.log_loss(labels, scores, labels=[0, 1]),
        "brier": sk.brier_score_loss(labels, scores),
        "auc": sk.roc_auc_score(labels, scores) if 0 < sum(labels) < len(labels) else math.nan,
        "pr_auc": sk.average_precision_score(labels, scores) if 0 < sum(labels) < len(labels) else math.nan,
    }
    for metric, value in expected.items():
        if math.isnan(value):
            assert points[metric].status is Status.UNDEFINED, metric
            assert points[metric].reason
        else:
            assert points[metric].value == pytest.approx(value, **EXACT), metric
            assert points[metric].low <= points[metric].value <= points[metric].high  # type: ignore[operator]


@pytest.mark.parametrize("seed", SEEDS)
def test_binary(profiler: Profiler, seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 900))
    labels = random.integers(0, 2, n)
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.3), 0, 1).round(int(random.integers(1, 17)))
    predicted = (scores > 0.5).astype(int)
    assert_binary(measured(profiler, rows_of(labels, predicted, scores), Task.BINARY), labels, predicted, scores)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 1)), min_size=2, max_size=60))
@settings(max_examples=60, deadline=None)
def test_binary_whatever_the_rows(drawn: list[tuple[bool, bool, float]]) -> None:
    labels, predicted, scores = (list(column) for column in zip(*drawn, strict=True))
    labels, predicted = [int(v) for v in labels], [int(v) for v in predicted]
    points = measured(in_memory, rows_of(labels, predicted, scores), Task.BINARY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_binary(points, labels, predicted, scores)


@pytest.mark.parametrize("seed", SEEDS)
def test_multiclass(profiler: Profiler, seed: int) -> None:
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.ones(4), 300 + seed)
    labels = np.array([random.choice(CLASSES, p=p) for p in chances])
    predicted = np.array(CLASSES)[chances.argmax(axis=1)]
    maps = [dict(zip(CLASSES, row.tolist(), strict=True)) for row in chances]
    points = measured(profiler, with_scores(labels, predicted, maps), Task.MULTICLASS)
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "precision": sk.precision_score(labels, predicted, average="macro"),
        "recall": sk.recall_score(labels, predicted, average="macro"),
        "f1": sk.f1_score(labels, predicted, average="macro"),
        "log_loss": sk.log_loss(labels, chances),
        "brier": sk.brier_score_loss(labels, chances),
        "auc": sk.roc_auc_score(labels, chances, multi_class="ovr", average="macro"),
        "pr_auc": np.mean([sk.average_precision_score(labels == c, chances[:, i]) for i, c in enumerate(CLASSES)]),
    }
    for metric, value in expected.items():
        assert points[metric].value == pytest.approx(value, **EXACT), metric
        assert points[metric].low < points[metric].value < points[metric].high  # type: ignore[operator]


def with_scores(labels: Any, predicted: Any, maps: list[dict[str, float]]) -> LabelledRows:
    return dataclasses.replace(rows_of(labels, predicted), scores=maps)


@pytest.mark.parametrize("seed", SEEDS)
def test_multilabel(profiler: Profiler, seed: int) -> None:
    random = np.random.default_rng(seed)
    chances = random.uniform(size=(200, 4))
    predicted, truth = chances > 0.6, random.uniform(size=(200, 4)) < chances
    maps = [dict(zip(CLASSES, row.tolist(), strict=True)) for row in chances]
    texts = ["|".join(c for c, is_in in zip(CLASSES, row, strict=True) if is_in) for row in predicted]
    lists = [str([c for c, is_in in zip(CLASSES, row, strict=True) if is_in]).replace("'", '"') for row in truth]
    points = measured(profiler, with_scores(lists, texts, maps), Task.MULTILABEL)
    expected = {
        "accuracy": sk.accuracy_score(truth, predicted),
        "precision": sk.precision_score(truth, predicted, average="macro"),
        "recall": sk.recall_score(truth, predicted, average="macro"),
        "f1": sk.f1_score(truth, predicted, average="macro"),
        "auc": sk.roc_auc_score(truth, chances, average="macro"),
        "pr_auc": sk.average_precision_score(truth, chances, average="macro"),
        "log_loss": np.mean([sk.log_loss(truth[:, i], chances[:, i]) for i in range(4)]),
        "brier": np.mean([sk.brier_score_loss(truth[:, i], chances[:, i]) for i in range(4)]),
    }
    for metric, value in expected.items():
        assert points[metric].value == pytest.approx(value, **EXACT), metric


@pytest.mark.parametrize("seed", SEEDS)
def test_regression(profiler: Profiler, seed: int) -> None:
    random = np.random.default_rng(seed)
    n, scale = int(random.integers(2, 700)), 10.0 ** random.integers(-6, 7)
    labels = scale * (random.normal(3, 1, n) + 5 * (seed % 2))
    predicted = labels + scale * random.standard_t(3, n)
    if seed == 3:
        labels[0] = 0.0
    points = measured(profiler, rows_of(labels.tolist(), predicted.tolist()), Task.REGRESSION)
    expected = {
        "mae": sk.mean_absolute_error(labels, predicted),
        "rmse": sk.root_mean_squared_error(labels, predicted),
        "mape": sk.mean_absolute_percentage_error(labels, predicted),
        "r2": sk.r2_score(labels, predicted),
        "bias": float(np.mean(predicted - labels)),
        "pinball_10": sk.mean_pinball_loss(labels, predicted, alpha=0.1),
        "pinball_50": sk.mean_pinball_loss(labels, predicted, alpha=0.5),
        "pinball_90": sk.mean_pinball_loss(labels, predicted, alpha=0.9),
    }
    for metric, value in expected.items():
        assert points[metric].value == pytest.approx(value, rel=1e-12, abs=1e-12 * scale), metric
        assert points[metric].low <= points[metric].value <= points[metric].high  # type: ignore[operator]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=50))
@settings(max_examples=60, deadline=None)
def test_regression_whatever_the_rows(drawn: list[tuple[float, float]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*drawn, strict=True))
    points = measured(in_memory, rows_of(labels.tolist(), predicted.tolist()), Task.REGRESSION)
    assert points["mae"].value == pytest.approx(sk.mean_absolute_error(labels, predicted), **EXACT)
    assert points["mape"].value == pytest.approx(sk.mean_absolute_percentage_error(labels, predicted), **EXACT)
    spread = float(((labels - labels.mean()) ** 2).sum())
    if spread > 1e-9 * float((labels**2).sum()):
        assert points["r2"].value == pytest.approx(sk.r2_score(labels, predicted), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("digits", [0, 1, 12])
@pytest.mark.parametrize("seed", SEEDS)
def test_ranking(profiler: Profiler, seed: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 25, 40)
    group = np.repeat([f"q{i}" for i in range(40)], sizes).astype(object)
    scores = random.normal(size=len(group)).round(digits)
    relevance = np.maximum(np.round(random.normal(0.2 + 0.5 * scores)), 0.0)
    points = measured(profiler, rows_of(relevance.tolist(), scores.tolist(), group=group), Task.RANKING)
    ndcg, average, best = [], [], []
    for name in dict.fromkeys(group):
        y, s = relevance[group == name], scores[group == name]
        if len(y) == 1:
            continue
        ndcg.append(sk.ndcg_score([y], [s], k=10))
        average.append(sk.average_precision_score(y > 0, s) if y.any() else 0.0)
        ranks = [int((s >= score).sum()) for score, relevant in zip(s, y > 0, strict=True) if relevant]
        best.append(min(ranks, default=10**9))
    assert points["ndcg"].value == pytest.approx(np.mean(ndcg), **EXACT)
    assert points["map"].value == pytest.approx(np.mean(average), **EXACT)
    assert points["mrr"].value == pytest.approx(np.mean([1 / b if b < 10**9 else 0 for b in best]), **EXACT)
    assert points["hit_rate"].value == pytest.approx(np.mean([b <= 10 for b in best]), **EXACT)
    assert points["ndcg"].n == len(ndcg)


def test_a_relevance_below_zero_is_none(profiler: Profiler) -> None:
    group = np.repeat(["q0", "q1"], 3).astype(object)
    labels, scores = [-5.0, -5.0, 1.0, 2.0, -1.0, 0.0], [0.9, 0.8, 0.1, 0.3, 0.2, 0.2]
    odd = measured(profiler, rows_of(labels, scores, group=group), Task.RANKING)
    plain = measured(profiler, rows_of(np.maximum(labels, 0.0).tolist(), scores, group=group), Task.RANKING)
    assert odd == plain
    assert odd["ndcg"].value == pytest.approx(0.75)


def test_with_one_relevant_item_the_reciprocal_rank_is_label_ranking_average_precision() -> None:
    random = np.random.default_rng(2)
    scores, truth = random.normal(size=(30, 8)), np.eye(8)[random.integers(0, 8, 30)]
    group = np.repeat([f"q{i}" for i in range(30)], 8).astype(object)
    points = measured(in_memory, rows_of(truth.ravel().tolist(), scores.ravel().tolist(), group=group), Task.RANKING)
    assert points["mrr"].value == pytest.approx(sk.label_ranking_average_precision_score(truth, scores), **EXACT)


@pytest.mark.parametrize("seed", SEEDS)
def test_custom_metrics(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels, predicted = random.choice(["a", "b", "c"], 200), random.choice(["a", "b", "c"], 200)
    rows = rows_of(labels, predicted)
    assert get_metric("cohens_kappa")(rows) == pytest.approx(sk.cohen_kappa_score(labels, predicted), **EXACT)
    assert get_metric("matthews_correlation")(rows) == pytest.approx(sk.matthews_corrcoef(labels, predicted), **EXACT)
    y, p = random.normal(size=99), random.normal(size=99)
    rows = rows_of(y.tolist(), p.tolist())
    assert get_metric("median_absolute_error")(rows) == pytest.approx(sk.median_absolute_error(y, p), **EXACT)


def test_the_calibration_error_is_the_mean_gap_of_ten_bins() -> None:
    random = np.random.default_rng(4)
    scores = random.uniform(size=500)
    labels = (random.uniform(size=500) < scores**2).astype(int)
    points = measured(in_memory, rows_of(labels, scores > 0.5, scores), Task.BINARY)
    place = np.minimum((scores * 10).astype(int), 9)
    gaps = [abs(scores[place == b].sum() - labels[place == b].sum()) for b in range(10)]
    assert points["calibration_error"].value == pytest.approx(sum(gaps) / 500, **EXACT)
