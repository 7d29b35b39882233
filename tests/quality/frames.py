"""Data frames as the engine reads them: baselines with their limits, and windows counted against them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.baselines import BaselineProfile
from monitor.engines import Engine, ProfileRequest, RowSource, get_engine
from monitor.profiles import WindowProfile
from monitor.profiles.quality import QualityLimits
from monitor.quality import learn_limits, learn_outliers
from monitor.schemas import Feature, FeatureKind

START = datetime(2026, 3, 2, tzinfo=UTC)
TICK = timedelta(seconds=1)


def rows_of(frame: pd.DataFrame, delay: float = 0.0) -> pa.Table:
    """The frame as rows of the lake, one second apart, each column a feature; the row's number is its id."""
    n = len(frame)
    columns = {f"feature_{name}": pa.array(frame[name], from_pandas=True) for name in frame}
    moments = np.int64(START.timestamp() * 1e6) + np.arange(n) * 1_000_000
    times = pa.array(moments).cast(pa.timestamp("us", "UTC"))
    late = pa.array(moments + np.int64(delay * 1e6)).cast(pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "prediction_id": pa.array([f"p{i}" for i in range(n)], pa.string()),
            "event_time": times,
            "received_time": late,
            "version": pa.array(["1"] * n, pa.string()),
            "prediction": pa.array(["1"] * n, pa.string()),
            "prediction_value": pa.nulls(n, pa.float64()),
            "score": pa.nulls(n, pa.float64()),
            "scores": pa.nulls(n, pa.map_(pa.string(), pa.float64())),
            "latency_ms": pa.nulls(n, pa.float64()),
            "status_code": pa.nulls(n, pa.int32()),
            "error": pa.nulls(n, pa.string()),
            "tags": pa.nulls(n, pa.map_(pa.string(), pa.string())),
            "entity_id": pa.nulls(n, pa.string()),
            "sampling_fraction": pa.nulls(n, pa.float64()),
            "source": pa.array(["test"] * n, pa.string()),
            "type_errors": pa.nulls(n, pa.map_(pa.string(), pa.string())),
            **columns,
        }
    )


def schema_of(frame: pd.DataFrame) -> dict[str, Feature]:
    def kind(name: str) -> FeatureKind:
        if frame[name].dtype == bool:
            return FeatureKind.BOOLEAN
        return FeatureKind.NUMERIC if pd.api.types.is_numeric_dtype(frame[name]) else FeatureKind.CATEGORICAL

    return {name: Feature(name, kind(name), f"feature_{name}") for name in frame}


@dataclass
class Watched:
    """A baseline of a frame, as `baseline_job` makes it, and the means to profile windows of the same features."""

    engine: Engine
    features: dict[str, Feature]
    baseline: BaselineProfile

    def window(self, frame: pd.DataFrame, delay: float = 0.0) -> WindowProfile:
        return _profile(self.engine, frame, {**self.features, **schema_of(frame)}, self.baseline, delay)


def watch(frame: pd.DataFrame, blocks: Sequence[pd.DataFrame], delay: float = 0.0) -> Watched:
    engine, features, rows = get_engine(), schema_of(frame), rows_of(frame)
    end = START + len(frame) * TICK
    sample = engine.sample(RowSource(table=rows), RowSource(), START, end, features)
    some = frame.iloc[np.linspace(0, len(frame) - 1, min(len(frame), 10_000)).astype(int)]
    numbers = {
        name: some[name].to_numpy(np.float64, na_value=np.nan)
        for name, feature in features.items()
        if feature.kind is FeatureKind.NUMERIC
    }
    empty = BaselineProfile(dict(sample.columns), None, WindowProfile())
    first = msgspec.structs.replace(empty, limits=QualityLimits(outliers=learn_outliers(numbers)))
    whole = _profile(engine, frame, features, first, delay)
    parts = tuple(_profile(engine, block, features, first, delay) for block in blocks)
    limits = learn_limits(whole, parts, first.limits.outliers)
    return Watched(engine, features, msgspec.structs.replace(first, whole=whole, blocks=parts, limits=limits))


def _profile(
    engine: Engine, frame: pd.DataFrame, features: dict[str, Feature], baseline: BaselineProfile, delay: float
) -> WindowProfile:
    rows = RowSource(table=rows_of(frame, delay))
    request = ProfileRequest(rows, RowSource(), START, START + len(frame) * TICK, features, baseline.columns)
    return engine.profile(replace(request, limits=baseline.limits))


def parts_of(frame: pd.DataFrame, number: int) -> list[pd.DataFrame]:
    return [frame.iloc[part] for part in np.array_split(np.arange(len(frame)), number)]


def windows_of(frame: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    for start in range(0, len(frame) - size + 1, size):
        yield frame.iloc[start : start + size]
