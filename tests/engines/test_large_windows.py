"""A window that is read from its files by each query has the profile of one that is kept in memory, and a tag with a
value of its own in every row makes no more segments and groups than any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.drift_data import lake_rows, write_rows
from benchmarks.drift_shape import END, START, Shape
from monitor.dimensions import VERSION, Dimension
from monitor.engines import ProfileRequest, RowSource, column_sql, get_engine, segment_sql, sql
from monitor.profiles import GroupProfile
from monitor.schemas import Task
from monitor.segments import ALL, MOST_SEGMENTS, Slicing

SHAPE = Shape(3000)
IN_PARTS = ((sql, "MOST_VALUES_KEPT", 0), (segment_sql, "MOST_VALUES_KEPT", 0), (column_sql, "VALUES_AT_A_TIME", 1))


def test_streamed_and_kept_windows_and_segments_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_rows(tmp_path / "rows.parquet", SHAPE, np.random.default_rng(3))
    source, engine = RowSource(files=[str(path)]), get_engine()
    sample = engine.sample(source, RowSource(), START, END, SHAPE.features)
    request = ProfileRequest(source, RowSource(), START, END, SHAPE.features, sample.columns, sample.prediction)
    slicings = [Slicing(Dimension("feature", "c0"), ("b", "a"), most=2), Slicing(VERSION)]
    kept = engine.profiles(request, slicings)
    for module, name, value in (*IN_PARTS, (column_sql, "MOST_DISTINCT", 2)):
        monkeypatch.setattr(module, name, value)
    assert engine.profiles(request, slicings) == kept
    assert kept[ALL].service.rows == kept[ALL].columns["n0"].rows == 3000
    assert list(kept) == [ALL, "c0=b", "c0=a", "c0=other", "version=1"]
    assert engine.sample(source, RowSource(), START, END, SHAPE.features).columns == sample.columns


def test_segments_and_groups_of_a_tag_that_differs_in_every_row_are_the_first_by_name_and_the_rest() -> None:
    rows = lake_rows(range(3000), SHAPE, np.random.default_rng(4))
    tags = pa.array([[("user", f"u{row:04}")] for row in range(3000)], rows.schema.field("tags").type)
    table = rows.set_column(rows.schema.get_field_index("tags"), "tags", tags)
    request = ProfileRequest(
        RowSource(table=table), RowSource(), START, END, protected="user", task=Task.BINARY, positive_class="1"
    )
    found = get_engine().profiles(request, [Slicing(Dimension("tag", "user"))])
    first = [f"user=u{row:04}" for row in range(MOST_SEGMENTS)]
    assert list(found) == [ALL, *first, "user=other"]
    assert found["user=other"].service.rows == 3000 - MOST_SEGMENTS
    groups = found[ALL].groups
    assert list(groups) == [*first, "user=other"]
    assert groups["user=other"].predicted == 3000 - MOST_SEGMENTS
    assert sum(group.selected for group in groups.values()) == rows["prediction"].to_pylist().count("1")
    assert groups[first[0]] == GroupProfile(1, int(rows["prediction"][0].as_py()))
