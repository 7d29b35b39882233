"""Rows of an Arrow table as wire records: the column convention that CSV and Parquet files share.

Columns named like a field of the wire record are that field; `tags.x` and `tag_x` are the tag x; every other column is
a feature, under its name without a leading `feature_` or `features.`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from collectors.formats.reading import read_record, refusal
from collectors.formats.registry import Decoded
from collectors.wire import WireLabel, WirePrediction, WireRecord
from monitor.lake import Kind

CHUNK = 10_000
TEXT_COLUMNS = ("model", "version", "prediction_id", "entity_id", "error")
RESERVED = (
    *TEXT_COLUMNS,
    *("event_time", "prediction", "score", "label", "label_time", "latency_ms", "status_code", "sampling_fraction"),
)
_LABEL_COLUMNS = {"model", "prediction_id", "label", "label_time"}
_FEATURE_PREFIXES = ("feature_", "features.")
_TAG_PREFIXES = ("tags.", "tag_")


def decode_batch(batch: pa.RecordBatch, first: int, kind: Kind) -> Decoded:
    """The records of one batch, whose first row is record `first` of the file."""
    decoded = Decoded(places=[])
    assert isinstance(decoded.places, list)
    wire = _wire_of(batch.schema.names, kind)
    paths = {name: _path(name) for name in batch.schema.names}
    for index, row in enumerate(_rows(batch), start=first):
        sent = _as_sent(row, paths)
        read = read_record(sent, wire)
        if isinstance(read, str):
            decoded.refusals.append(refusal(index, read, sent))
        else:
            decoded.records.append(read)
            decoded.places.append(index)
    return decoded


def decode_batches(batches: Iterator[pa.RecordBatch], kind: Kind) -> Iterator[Decoded]:
    """The records of all batches, in stretches. Raises ValueError when two columns have one name."""
    first = 0
    for batch in batches:
        names = batch.schema.names
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two columns are named {twice[0]!r}; accepted: each name once")
        for start in range(0, batch.num_rows, CHUNK):
            yield decode_batch(batch.slice(start, CHUNK), first + start, kind)
        first += batch.num_rows


def _wire_of(columns: list[str], kind: Kind) -> type[WireRecord]:
    """A file that holds nothing but ids and labels is a file of labels, whatever was expected."""
    only_labels = "label" in columns and set(columns) <= _LABEL_COLUMNS
    return WireLabel if kind is Kind.LABELS or only_labels else WirePrediction


def _path(column: str) -> tuple[str, str]:
    """Where a column's value belongs in the wire record: the field, and the name inside it.

    >>> _path("score"), _path("feature_age"), _path("tags.region"), _path("hours")
    (('score', ''), ('features', 'age'), ('tags', 'region'), ('features', 'hours'))
    """
    if column in RESERVED:
        return column, ""
    for field, prefixes in (("features", _FEATURE_PREFIXES), ("tags", _TAG_PREFIXES)):
        for prefix in prefixes:
            if column.startswith(prefix) and len(column) > len(prefix):
                return field, column[len(prefix) :]
    return "features", column


def _rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _as_sent(row: Mapping[str, Any], paths: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    for column, value in row.items():
        field, name = paths[column]
        if field == "features":
            sent.setdefault("features", {})[name] = _scalar(value)
        elif value is None or value != value:  # data frames write a missing number as NaN
            continue
        elif field == "tags":
            sent.setdefault("tags", {})[name] = str(value)
        else:
            sent[field] = _field(field, value)
    return sent


def _field(field: str, value: Any) -> Any:
    if field in TEXT_COLUMNS:
        return str(value)
    if field == "status_code" and isinstance(value, float) and value.is_integer():
        return int(value)  # a column of whole numbers with gaps is a column of floats
    return value if field in ("event_time", "label_time") else _scalar(value)


def _scalar(value: Any) -> Any:
    """The value as JSON has it: an exact number is a float, a day or a time is its ISO-8601 text."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
