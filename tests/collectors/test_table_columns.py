"""The fast way over whole columns gives what reading row by row gives, or gives up."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.formats.reading import read_record
from collectors.formats.table_columns import read_columns, values
from collectors.formats.table_rows import _as_sent, _path, _rows
from collectors.wire import WireLabel, WirePrediction, WireRecord

NAIVE = datetime(2026, 3, 4, 10)  # noqa: DTZ001 (files often have no zone)


def fast(columns: dict[str, Any], wire: type[WireRecord] = WirePrediction) -> list[WireRecord] | None:
    (batch,) = pa.table(columns).to_batches()
    return read_columns(batch, wire, {name: _path(name) for name in batch.schema.names})


def slow(columns: dict[str, Any], wire: type[WireRecord] = WirePrediction) -> list[WireRecord | str]:
    (batch,) = pa.table(columns).to_batches()
    paths = {name: _path(name) for name in batch.schema.names}
    return [read_record(_as_sent(row, paths), wire) for row in _rows(batch)]


USUAL: dict[str, dict[str, Any]] = {
    "ids and features": {"prediction_id": ["a", None], "x": [1, None], "y": [0.5, float("inf")], "c": ["u", None]},
    "numbers as ids": {"prediction_id": [1, 2], "version": [7, 8]},
    "gaps in numbers": {"score": [0.5, float("nan")], "latency_ms": [None, 3.5], "status_code": [200.0, float("nan")]},
    "whole latencies": {"latency_ms": [1, 2], "sampling_fraction": [1, None]},
    "times in UTC": {"event_time": pa.array([NAIVE, None], pa.timestamp("ms", "UTC"))},
    "times without a zone": {"event_time": pa.array([NAIVE, None], pa.timestamp("ns"))},
    "times as text": {"event_time": ["2026-03-04T10:00:00Z", None]},
    "times as numbers": {"event_time": [1.5e9, None]},
    "tags": {"tags.a": ["x", None], "tag_b": [1, 2], "prediction": [True, False]},
    "labels beside predictions": {"prediction_id": ["a", "b"], "label": [1.0, float("nan")]},
    "categories": {"c": pa.array(["u", None]).dictionary_encode(), "error": pa.array(["e", None]).dictionary_encode()},
    "booleans with gaps": {"vip": [True, None], "n": pa.nulls(2)},
    "nothing but features": {"x": pa.array([1, 2], pa.int8()), "f": pa.array([1.5, None], pa.float32())},
}


@pytest.mark.parametrize("what", USUAL)
def test_usual_columns_give_the_same_records(what: str) -> None:
    assert fast(USUAL[what]) == slow(USUAL[what])


ODD: dict[str, dict[str, Any]] = {
    "a negative latency": {"latency_ms": [1.0, -1.0]},
    "an infinite score": {"score": [float("inf")]},
    "a status that is none": {"status_code": [99]},
    "a broken status": {"status_code": [200.5]},
    "a share of nothing": {"sampling_fraction": [0.0]},
    "an empty id": {"prediction_id": [""]},
    "a long id": {"prediction_id": ["x" * 257]},
    "a list": {"v": [[1.0]]},
    "a time that is none": {"event_time": ["soon"]},
    "a number as text": {"score": ["0.5"]},
    "a large integer": {"x": pa.array([2**64 - 1], pa.uint64())},
    "a day": {"event_time": pa.array([NAIVE.date()])},
}


@pytest.mark.parametrize("what", ODD)
def test_odd_columns_are_left_to_reading_row_by_row(what: str) -> None:
    assert fast(ODD[what]) is None


def test_labels_need_an_id_and_a_value_in_every_row() -> None:
    whole = {"prediction_id": ["a"], "label": [1], "label_time": pa.array([NAIVE])}
    assert fast(whole, WireLabel) == slow(whole, WireLabel)
    assert fast({"prediction_id": ["a", None], "label": [1, 2]}, WireLabel) is None
    assert fast({"prediction_id": ["a"], "label": [float("nan")]}, WireLabel) is None
    assert fast({"prediction_id": ["a"], "label": [1], "age": [3]}, WireLabel) is None


cells = {
    "prediction_id": st.none() | st.text(max_size=3),
    "latency_ms": st.none() | st.floats(-1, 10) | st.just(float("nan")),
    "status_code": st.none() | st.integers(98, 600),
    "prediction": st.none() | st.integers(-(2**63), 2**63 - 1),
    "x": st.none() | st.floats(),
    "c": st.none() | st.text(max_size=3),
    "b": st.none() | st.booleans(),
}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), names=st.sets(st.sampled_from(sorted(cells)), min_size=1), count=st.integers(1, 4))
def test_any_columns_give_the_same_records_or_none(data: st.DataObject, names: set[str], count: int) -> None:
    columns = {name: data.draw(st.lists(cells[name], min_size=count, max_size=count)) for name in sorted(names)}
    read = fast(columns)
    assert read is None or repr(read) == repr(slow(columns))


def test_a_time_that_no_datetime_can_hold_is_its_number() -> None:
    assert values(pa.array([2**62], pa.timestamp("us", "UTC"))) == [2**62]
