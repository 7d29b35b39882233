"""A window that is read from its files by each query has the profile of one that is kept in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.drift_data import write_rows
from benchmarks.drift_shape import END, START, Shape
from monitor.engines import ProfileRequest, RowSource, column_sql, get_engine, sql

SHAPE = Shape(3000)


def test_streamed_and_kept_windows_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_rows(tmp_path / "rows.parquet", SHAPE, np.random.default_rng(3))
    source, engine = RowSource(files=[str(path)]), get_engine()
    sample = engine.sample(source, RowSource(), START, END, SHAPE.features)
    request = ProfileRequest(source, RowSource(), START, END, SHAPE.features, sample.columns, sample.prediction)
    kept = engine.profile(request)
    monkeypatch.setattr(sql, "MOST_VALUES_KEPT", 0)
    monkeypatch.setattr(column_sql, "VALUES_AT_A_TIME", 1)
    monkeypatch.setattr(column_sql, "MOST_DISTINCT", 2)
    assert engine.profile(request) == kept
    assert kept.service.rows == kept.columns["n0"].rows == 3000
    assert engine.sample(source, RowSource(), START, END, SHAPE.features).columns == sample.columns
