"""Importances are learnt from logged answers alone, and say nothing where nothing can be learnt."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitor.explanation import learn_importance
from monitor.schemas import Feature, FeatureKind

N = 1500


def rows(**more: object) -> pa.Table:
    random = np.random.default_rng(1)
    columns = {
        "strong": random.normal(size=N),
        "weak": random.normal(size=N),
        "noise": np.where(random.uniform(size=N) < 0.2, np.nan, random.normal(size=N)),
        "plan": np.array(["a", "b", "c"])[random.integers(0, 3, N)],
        "vip": random.uniform(size=N) < 0.5,
    }
    return pa.table({**columns, **more}) if more else pa.table(columns)


FEATURES = {
    name: Feature(name, kind, f"feature_{name}")
    for name, kind in {
        "strong": FeatureKind.NUMERIC,
        "weak": FeatureKind.NUMERIC,
        "noise": FeatureKind.NUMERIC,
        "plan": FeatureKind.CATEGORICAL,
        "vip": FeatureKind.BOOLEAN,
        "gone": FeatureKind.NUMERIC,
    }.items()
}


def column(name: str) -> np.ndarray:
    return np.asarray(rows().column(name).to_numpy(zero_copy_only=False))


def test_what_moves_the_score_most_is_worth_most() -> None:
    score = 1 / (1 + np.exp(-(3 * column("strong") + column("weak"))))
    found = learn_importance(rows(score=score), FEATURES)
    assert list(found) == ["strong", "weak", "noise", "plan", "vip"]
    assert sum(found.values()) == pytest.approx(1)
    assert found["strong"] > 0.7 > 0.2 > found["weak"] > 0.03 > found["noise"]


def test_categories_and_flags_are_worth_what_they_move() -> None:
    score = np.where(column("plan") == "b", 0.9, 0.1) + np.where(column("vip"), 0.05, 0.0)
    found = learn_importance(rows(score=score), FEATURES)
    assert found["plan"] > 0.6
    assert found["plan"] + found["vip"] > 0.95


def test_what_moves_nothing_is_worth_nothing_however_noisy_the_answers() -> None:
    noisy = column("strong") + np.random.default_rng(2).normal(size=N)
    found = learn_importance(rows(score=noisy), FEATURES)
    assert found["strong"] > 0.9
    assert all(found[name] < 0.05 for name in ("weak", "noise", "plan", "vip"))


def test_without_a_score_predicted_classes_and_numbers_do() -> None:
    strong = column("strong")
    classes = np.where(strong > 0.5, "high", np.where(strong < -0.5, "low", "middle"))
    assert learn_importance(rows(prediction=classes), FEATURES)["strong"] > 0.9
    numbers = [repr(float(value)) for value in np.exp(3 * strong)]
    assert learn_importance(rows(prediction=numbers), FEATURES)["strong"] > 0.9


def test_missing_answers_are_left_out() -> None:
    score = np.where(np.arange(N) % 4 == 0, np.nan, column("strong"))
    assert learn_importance(rows(score=score), FEATURES)["strong"] > 0.9


def test_it_is_the_same_every_time() -> None:
    table = rows(score=column("strong"))
    assert learn_importance(table, FEATURES) == learn_importance(table, FEATURES)


def test_where_nothing_can_be_learnt_there_is_nothing() -> None:
    random = np.random.default_rng(2)
    assert learn_importance(rows(), FEATURES) == {}
    assert learn_importance(rows(score=np.full(N, 0.5)), FEATURES) == {}
    assert learn_importance(rows(score=random.uniform(size=N)), FEATURES) == {}
    assert learn_importance(rows(score=column("strong")).slice(0, 100), FEATURES) == {}
    assert learn_importance(rows(score=column("strong")), {}) == {}
    assert learn_importance(rows(prediction=pa.nulls(N, pa.string())), FEATURES) == {}
    assert learn_importance(rows(score=column("strong")).slice(0, 0), FEATURES) == {}


def test_infinite_and_empty_columns_are_no_error() -> None:
    table = rows(score=column("strong"))
    table = table.set_column(1, "weak", pa.array(np.full(N, np.inf))).set_column(2, "noise", pa.nulls(N, pa.float64()))
    assert learn_importance(table, FEATURES)["strong"] > 0.9


def test_of_very_many_features_those_that_go_with_the_score_are_weighed() -> None:
    random = np.random.default_rng(5)
    wide = {f"x{i}": random.normal(size=600) for i in range(150)}
    features = {name: Feature(name, FeatureKind.NUMERIC, name) for name in wide}
    found = learn_importance(pa.table({**wide, "score": wide["x140"]}), features)
    assert found["x140"] > 0.9
    assert len(found) == 150
