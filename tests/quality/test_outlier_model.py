"""The outlier model: what is usual stays inside, what breaks a pattern is out, and odd columns are no error."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.quality import learn_outliers
from monitor.quality.outliers import squared_distances


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
