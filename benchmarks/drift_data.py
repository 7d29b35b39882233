"""Rows for the drift benchmark, always from the same distributions, as Parquet files in the lake's columns."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.drift_shape import END, START, Shape
from monitor.baselines import BaselineProfile, encode_baseline
from monitor.engines import ProfileRequest, RowSource, get_engine
from monitor.lake.tables import PREDICTION_FIELDS
from monitor.profiles import WindowProfile
from monitor.quality import learn_limits, learn_outliers, numeric_rows
from monitor.sample import SAMPLE_ROWS
from monitor.schemas import FeatureKind

BLOCKS = 10
LETTERS = np.array(list("abcdef"))
_AT_A_TIME = 1_000_000


def write_rows(path: Path, shape: Shape, random: np.random.Generator) -> Path:
    """Predictions spread evenly over a day, a million at a time."""
    writer: pq.ParquetWriter | None = None
    for first in range(0, shape.rows, _AT_A_TIME):
        rows = range(first, min(first + _AT_A_TIME, shape.rows))
        table = lake_rows(rows, shape, random)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return path


def lake_rows(
    rows: range,
    shape: Shape,
    random: np.random.Generator,
    start: datetime = START,
    span: timedelta = END - START,
    prefix: str = "",
) -> pa.Table:
    """These of the shape's rows, which are spread evenly over the span, in the lake's columns."""
    n = len(rows)
    step = span / timedelta(microseconds=1) / shape.rows
    begin = np.datetime64(start.replace(tzinfo=None), "us")
    times = pa.array(begin + (np.arange(rows.start, rows.stop) * step).astype(np.int64))
    known = {
        "prediction_id": pa.array([f"{prefix}{row:032x}" for row in rows]),
        "event_time": times.cast(pa.timestamp("us", "UTC")),
        "received_time": times.cast(pa.timestamp("us", "UTC")),
        "version": pa.array(["1"] * n),
        "prediction": pa.array(np.array(["0", "1"])[random.integers(0, 2, n)]),
        "score": pa.array(random.uniform(size=n)),
        "latency_ms": pa.array(random.gamma(2.0, 8.0, n)),
        "status_code": pa.array(np.full(n, 200, dtype=np.int32)),
        "sampling_fraction": pa.array(np.ones(n)),
    }
    wanted = [field for field in PREDICTION_FIELDS if field.name != "event_date"]  # a partition, not a column
    columns = {field.name: known.get(field.name, pa.nulls(n, field.type)) for field in wanted}
    for feature in shape.features.values():
        numeric = feature.kind is FeatureKind.NUMERIC
        values = random.normal(size=n) if numeric else LETTERS[random.integers(0, len(LETTERS), n)]
        columns[feature.column] = pa.array(values)
    return pa.table(columns)


def write_features(path: Path, rows: Path, shape: Shape) -> Path:
    """The same rows as peers read them: the features alone."""
    pq.write_table(pq.read_table(rows, columns=[feature.column for feature in shape.features.values()]), path)
    return path


def write_baseline(path: Path, rows: Path, shape: Shape) -> Path:
    """A baseline of these rows, prepared as Kedge prepares it, once: with ten blocks of time, and limits of quality."""
    engine, source = get_engine(), RowSource(files=[str(rows)])
    sample = engine.sample(source, RowSource(), START, END, shape.features)
    outliers = learn_outliers(
        numeric_rows(engine.rows(source, START, END, shape.features, SAMPLE_ROWS), shape.features)
    )

    def profiled(first: datetime, last: datetime) -> WindowProfile:
        return engine.profile(
            ProfileRequest(source, RowSource(), first, last, shape.features, sample.columns, sample.prediction)
        )

    part = (END - START) / BLOCKS
    whole, blocks = profiled(START, END), [profiled(START + i * part, START + (i + 1) * part) for i in range(BLOCKS)]
    limits = learn_limits(whole, blocks, outliers)
    baseline = BaselineProfile(dict(sample.columns), sample.prediction, whole, tuple(blocks), limits=limits)
    path.write_bytes(encode_baseline(baseline))
    return path
