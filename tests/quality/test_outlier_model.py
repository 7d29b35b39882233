"""The outlier model: what is usual stays inside, what breaks a pattern is out, and odd columns are no error."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from monitor.engines import RowSource, get_engine
from monitor.explanation import learn_importance
from monitor.quality import learn_outliers, numeric_rows
from monitor.quality.outliers import squared_distances
from tests.quality.frames import START, rows_of, schema_of


def pair(n: int, seed: int = 1) -> dict[str, NDArray[np.float64]]:
    """Two columns that go together, and a third that does not."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    return {"x": x, "y": 2 * x + random.normal(0, 0.1, n), "z": random.lognormal(0, 1, n)}


def test_one_row_in_a_thousand_of_the_same_kind_is_beyond_the_limit() -> None:
    model = learn_outliers(pair(10_000))
    assert model is not None
    share = float((squared_distances(model, pair(100_000, seed=2)) > model.limit).mean())
    assert share == pytest.approx(0.001, abs=0.0007)


def test_a_row_that_breaks_the_pattern_is_out_though_each_value_is_usual() -> None:
    model = learn_outliers(pair(10_000))
    assert model is not None
    odd = {"x": np.array([1.5]), "y": np.array([-3.0]), "z": np.array([1.0])}
    usual = {"x": np.array([1.5]), "y": np.array([3.0]), "z": np.array([1.0])}
    assert squared_distances(model, odd)[0] > model.limit > squared_distances(model, usual)[0]


def test_one_value_of_a_million_in_the_baseline_hides_nothing() -> None:
    rows = pair(10_000)
    rows["x"][0] = 1e6
    model = learn_outliers(rows)
    assert model is not None
    assert squared_distances(model, {"x": np.array([50.0]), "y": np.array([0.0]), "z": np.array([1.0])})[0] > (
        model.limit
    )


def test_columns_that_follow_from_each_other_are_no_error() -> None:
    x = np.random.default_rng(1).normal(size=1000)
    model = learn_outliers({"x": x, "twice": 2 * x, "minus": -x})
    assert model is not None
    assert np.isfinite(squared_distances(model, {"x": np.array([1.0])})).all()


def test_missing_and_infinite_values_have_a_distance() -> None:
    model = learn_outliers(pair(1000))
    assert model is not None
    odd = {"x": np.array([np.nan, np.inf]), "y": np.array([np.nan, -np.inf])}
    inside, outside = squared_distances(model, odd)
    assert inside < model.limit < outside < np.inf


def test_without_two_columns_that_vary_or_rows_enough_there_is_no_model() -> None:
    x = np.random.default_rng(1).normal(size=1000)
    assert learn_outliers({}) is None
    assert learn_outliers({"x": x, "constant": np.ones(1000), "gone": np.full(1000, np.nan)}) is None
    assert learn_outliers({"x": x[:100], "y": -x[:100]}) is None


def test_it_and_the_importances_are_learnt_from_the_rows_an_engine_gives() -> None:
    """As a baseline is made: the engine's bounded sample, missing values, text and all."""
    data = pd.DataFrame(pair(2000)).assign(plan=pd.Series(["a", "b"] * 1000, dtype="string"), gone=np.nan)
    data.loc[:99, "x"] = np.nan
    rows = rows_of(data)
    score = pa.array(data["y"].rank(pct=True))
    rows = rows.set_column(rows.schema.get_field_index("score"), "score", score)
    features = schema_of(data)
    sample = get_engine().rows(RowSource(table=rows), START, START + timedelta(days=1), features, 1500)
    numbers = numeric_rows(sample, features)
    assert list(numbers) == ["x", "y", "z", "gone"]
    model = learn_outliers(numbers)
    assert model is not None
    assert model.columns == ("x", "y", "z")
    importance = learn_importance(sample, features)
    assert max(importance, key=lambda name: importance[name]) == "y"
