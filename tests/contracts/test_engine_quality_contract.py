"""Every engine counts what is wrong with rows as monitor.profiles.quality defines it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from monitor.baselines import CategoryBins, NumericBins
from monitor.engines import Engine, ProfileRequest, RowSource, get_engine
from monitor.plugins import ENGINES
from monitor.profiles.quality import QualityLimits, QualityProfile
from monitor.quality import learn_outliers
from monitor.quality.outliers import squared_distances
from monitor.schemas import Feature, FeatureKind
from tests.quality.frames import START, rows_of, schema_of

NOTHING = QualityLimits()


@pytest.fixture(params=ENGINES.names())
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


def frame(n: int = 600) -> pd.DataFrame:
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": random.normal(40, 10, n),
            "fee": random.lognormal(0, 1, n),
            "plan": pd.Series(np.array(["a", "b"])[random.integers(0, 2, n)], dtype="string"),
        }
    )


def quality(
    engine: Engine, rows: pa.Table, features: dict[str, Feature], limits: QualityLimits | None = NOTHING
) -> QualityProfile:
    bins = {"age": NumericBins((40.0,)), "fee": NumericBins((1.0,)), "plan": CategoryBins(("a", "b"))}
    end = START + timedelta(days=1)
    request = ProfileRequest(RowSource(table=rows), RowSource(), START, end, features, bins)
    return engine.profile(replace(request, limits=limits)).quality


def test_values_beyond_their_range_are_counted_and_infinite_ones_are_not(engine: Engine) -> None:
    data = frame()
    data.loc[0, "age"], data.loc[1, "age"], data.loc[2, "age"] = np.inf, np.nan, 41.0
    limits = QualityLimits({"age": (35.0, 41.0), "gone": (0.0, 1.0), "plan": (0.0, 1.0)})
    finite = data.age[np.isfinite(data.age)]
    found = quality(engine, rows_of(data), schema_of(data), limits)
    assert found.outside == {"age": int(((finite < 35) | (finite > 41)).sum())}


@pytest.mark.parametrize("limits", [(-1e9, 41.0), (35.0, 1e9), (35.0, np.inf)])
def test_values_beyond_one_end_of_their_range_are_counted(engine: Engine, limits: tuple[float, float]) -> None:
    data = frame()
    found = quality(engine, rows_of(data), schema_of(data), QualityLimits({"age": limits}))
    assert found.outside == {"age": int(((data.age < limits[0]) | (data.age > limits[1])).sum())}


def test_a_range_without_end_is_a_range(engine: Engine) -> None:
    data = frame()
    limits = QualityLimits({"age": (-np.inf, np.inf), "fee": (0.0, np.inf)})
    assert quality(engine, rows_of(data), schema_of(data), limits).outside == {}


def test_rows_alike_are_those_with_every_feature_equal(engine: Engine) -> None:
    data = pd.concat([frame(), frame()[:50], frame()[:20]], ignore_index=True)
    data.loc[600, "plan"] = "c"
    found = quality(engine, rows_of(data), schema_of(data))
    assert (found.rows, found.compared, found.alike) == (670, 670, 69)


def test_rows_without_any_feature_are_not_alike(engine: Engine) -> None:
    data = frame()
    data.loc[:99] = pd.NA
    found = quality(engine, rows_of(data), schema_of(data))
    assert (found.compared, found.alike) == (500, 0)


def test_repeated_prediction_ids_are_counted(engine: Engine) -> None:
    data = frame()
    rows = rows_of(data)
    ids = ["same"] * 10 + [f"p{i}" for i in range(10, len(data))]
    rows = rows.set_column(rows.schema.get_field_index("prediction_id"), "prediction_id", pa.array(ids))
    found = quality(engine, rows, schema_of(data))
    assert (found.identified, found.repeated) == (600, 9)


def test_a_feature_without_bins_has_appeared_where_it_has_a_value(engine: Engine) -> None:
    data = frame()
    data["new"] = np.where(np.arange(len(data)) < 100, np.nan, 1.0)
    assert quality(engine, rows_of(data), schema_of(data)).appeared == {"new": 500}


def test_delays_are_from_event_to_arrival_and_the_future_is_on_time(engine: Engine) -> None:
    data = frame()
    found = quality(engine, rows_of(data, delay=120.0), schema_of(data))
    assert found.delay_seconds(0.5) == pytest.approx(120, rel=0.01)
    assert found.newest == (START + timedelta(seconds=len(data) - 1)).timestamp()
    early = quality(engine, rows_of(data, delay=-60.0), schema_of(data))
    assert early.delay_seconds(0.95) == pytest.approx(0, abs=1e-6)


def test_outliers_are_those_beyond_the_model_s_limit(engine: Engine) -> None:
    data = frame()
    model = learn_outliers({name: data[name].to_numpy() for name in ("age", "fee")})
    assert model is not None
    data.loc[:9, "age"] = 4000.0
    found = quality(engine, rows_of(data), schema_of(data), QualityLimits(outliers=model))
    beyond = squared_distances(model, {name: data[name].to_numpy() for name in ("age", "fee")}) > model.limit
    assert found.tested == len(data)
    assert found.outliers == int(beyond.sum()) >= 10


def test_a_large_window_is_sampled_and_the_same_rows_every_time(engine: Engine) -> None:
    data = frame(40_000)
    model = learn_outliers({name: data[name].to_numpy()[:5000] for name in ("age", "fee")})
    limits = QualityLimits(outliers=model)
    rows, features = rows_of(data), schema_of(data)
    found = quality(engine, rows, features, limits)
    assert 9_000 < found.tested < 11_000
    order = np.random.default_rng(1).permutation(len(data))
    assert quality(engine, pc.take(rows, pa.array(order)), features, limits) == found


def test_merged_halves_count_what_the_whole_does(engine: Engine) -> None:
    data = frame()
    limits = QualityLimits({"age": (35.0, 41.0)})
    rows, features = rows_of(data), schema_of(data)
    first, second = (quality(engine, part, features, limits) for part in (rows[:300], rows[300:]))
    assert first.merge(second) == quality(engine, rows, features, limits)


def test_a_window_without_rows_or_features_is_no_error(engine: Engine) -> None:
    data = frame()
    assert quality(engine, rows_of(data)[:0], schema_of(data)) == QualityProfile()
    assert quality(engine, rows_of(data), {}).compared == 0
    assert quality(engine, rows_of(data), schema_of(data), None) == QualityProfile()
    gone = {"gone": Feature("gone", FeatureKind.NUMERIC, "feature_gone")}
    assert quality(engine, rows_of(data), gone, QualityLimits({"gone": (0.0, 1.0)})).outside == {}
