"""Fitting a baseline's estimator from the lake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.engines import ProfileRequest, RowSource, get_engine
from monitor.estimation import BinaryCbpe, ErrorModel, Estimator, MulticlassCbpe, estimated_points
from monitor.jobs.estimator_job import fit_estimator
from monitor.lake import Kind, Lake, labels_table, predictions_table
from monitor.points import Point
from monitor.records import LabelRecord, PredictionRecord
from monitor.schemas import Task, learn
from tests.estimation.peers import frames

START = datetime(2026, 3, 4, tzinfo=UTC)
END = START + timedelta(days=1)
ENGINE = get_engine("duckdb")


@dataclass
class Rows:
    """Predictions and labels in a lake, as a baseline's profile of them is asked for."""

    request: ProfileRequest

    def fit(self, **change: Any) -> Estimator | None:
        return fit_estimator(ENGINE, replace(self.request, **change))

    def points(self, estimator: Estimator) -> dict[str, Point]:
        profile = ENGINE.profile(replace(self.request, scored=True))
        return {point.metric: point for point in estimated_points(estimator, profile)}


def stored(folder: Path, answers: Sequence[dict[str, Any]], truths: Sequence[Any], task: Task) -> Rows:
    """Rows with these answers (fields of a prediction) and, but for None, these labels."""
    records = [
        PredictionRecord(
            model="m",
            prediction_id=f"p{i}",
            event_time=START + i * (END - START) / len(answers),
            received_time=END,
            **({"features": {}} | answer),
        )
        for i, answer in enumerate(answers)
    ]
    given = [
        LabelRecord(model="m", prediction_id=f"p{i}", label=truth, label_time=END, received_time=END)
        for i, truth in enumerate(truths)
        if truth is not None
    ]
    features = {feature.name: feature for feature in learn({}, [record.features for record in records])}
    lake = Lake(str(folder))
    lake.append("m", Kind.PREDICTIONS, predictions_table(records, features), collector="c", through=1)
    lake.append("m", Kind.LABELS, labels_table(given), collector="c", through=2)
    sources = RowSource(lake.files("m", Kind.PREDICTIONS)), RowSource(lake.files("m", Kind.LABELS))
    sample = ENGINE.sample(*sources, START, END, features, task)
    positive = "1" if task is Task.BINARY else None
    return Rows(ProfileRequest(*sources, START, END, features, sample.columns, sample.prediction, task, positive))


def binary(folder: Path, n: int = 1000) -> Rows:
    frame = frames.binary(n, 1, 1.7)
    answers = [{"prediction": int(r.prediction), "score": float(r.score)} for r in frame.itertuples()]
    return stored(folder, answers, [int(label) for label in frame["label"]], Task.BINARY)


def test_a_binary_models_estimator_foretells_its_own_baseline(tmp_path: Path) -> None:
    rows = binary(tmp_path)
    fitted = rows.fit()
    assert isinstance(fitted, BinaryCbpe)
    assert fitted.rows == 1000
    frame = frames.binary(1000, 1, 1.7)
    found = rows.points(fitted)["estimated_accuracy"]
    assert found.value == pytest.approx((frame["label"] == frame["prediction"]).mean(), abs=0.01)
    assert found.n == 1000


def test_scores_per_class_stand_in_for_the_score_of_the_positive_one(tmp_path: Path) -> None:
    frame = frames.binary(400, 1)
    answers = [
        {"prediction": int(r.prediction), "scores": {"0": 1 - float(r.score), "1": float(r.score)}}
        for r in frame.itertuples()
    ]
    rows = stored(tmp_path, answers, [int(label) for label in frame["label"]], Task.BINARY)
    fitted = rows.fit()
    assert isinstance(fitted, BinaryCbpe)
    assert rows.points(fitted)["estimated_auc"].n == 400


def test_a_models_with_three_classes(tmp_path: Path) -> None:
    frame = frames.multiclass(900, 1)
    answers = [
        {"prediction": r.prediction, "scores": {name: float(getattr(r, f"score_{name}")) for name in frames.CLASSES}}
        for r in frame.itertuples()
    ]
    rows = stored(tmp_path, answers, frame["label"].tolist(), Task.MULTICLASS)
    fitted = rows.fit()
    assert isinstance(fitted, MulticlassCbpe)
    found = rows.points(fitted)
    assert found["estimated_accuracy"].value == pytest.approx((frame["label"] == frame["prediction"]).mean(), abs=0.02)
    scores = {name: frame[f"score_{name}"].to_numpy() for name in frames.CLASSES}
    exact = fitted.estimate(frame["prediction"].tolist(), scores)  # fewer rows than a sample holds
    assert found["estimated_f1"].value == pytest.approx(exact["f1"].value, abs=1e-9)


def test_a_regression_is_fitted_on_the_baselines_bins(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, city = rng.uniform(0, 10, 1500), rng.choice(["north", "south"], 1500)
    predicted = 3 * x
    truth = predicted + rng.normal(0, np.where(city == "south", 4.0, 1.0))
    answers = [
        {"prediction": float(p), "features": {"x": float(v), "city": str(c), "vip": bool(v > 5)}}
        for p, v, c in zip(predicted, x, city, strict=True)
    ]
    rows = stored(tmp_path, answers, truth.tolist(), Task.REGRESSION)
    fitted = rows.fit()
    assert isinstance(fitted, ErrorModel)
    assert set(fitted.absolute.effects) == {"x", "city", "vip", ""}
    found = rows.points(fitted)
    assert found["estimated_mae"].value == pytest.approx(np.abs(truth - predicted).mean(), rel=0.05)
    south, north = fitted.absolute.effects["city"][1], fitted.absolute.effects["city"][0]
    assert south - north == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.2)


def one_class(folder: Path) -> Rows:
    return stored(folder, [{"prediction": 1, "score": 0.9}] * 300, [1] * 300, Task.BINARY)


def few_labels(folder: Path) -> Rows:
    return stored(folder, [{"prediction": 1, "score": 0.9}] * 300, [1, 0] * 50 + [None] * 200, Task.BINARY)


def no_scores(folder: Path) -> Rows:
    return stored(folder, [{"prediction": i % 2} for i in range(300)], [1, 0] * 150, Task.BINARY)


def no_scores_of_classes(folder: Path) -> Rows:
    return stored(folder, [{"prediction": "abc"[i % 3]} for i in range(300)], ["a", "b", "c"] * 100, Task.MULTICLASS)


@pytest.mark.parametrize("make", [one_class, few_labels, no_scores, no_scores_of_classes])
def test_where_nothing_can_be_estimated_there_is_no_estimator(make: Callable[[Path], Rows], tmp_path: Path) -> None:
    assert make(tmp_path).fit() is None


def test_a_model_without_a_task_or_labels_has_no_estimator(tmp_path: Path) -> None:
    rows = binary(tmp_path, 300)
    assert rows.fit(task=None) is None
    assert rows.fit(positive_class=None) is None
    assert rows.fit(labels=RowSource()) is None
