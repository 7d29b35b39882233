"""Rows of an Arrow table as wire records: the column convention that CSV, Parquet and Arrow share.

Columns named like a field of the wire record are that field; `tags.x` and `tag_x` are the tag x; every other column is
a feature, under its name without a leading `feature_` or `features.`. A mapping that says where things are replaces the
convention; one that only names units and zones is applied on top of it.

Whole columns are checked at once (`table_columns`); only where that finds something odd is each row read by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from collectors.formats.reading import read_record, refusal
from collectors.formats.registry import Decoded, Log
from collectors.formats.table_columns import TEXT_COLUMNS, read_columns, values
from collectors.mapping import Mapper, maps
from collectors.units import as_milliseconds, as_moment
from collectors.wire import WireLabel, WirePrediction, WireRecord
from monitor.config import NO_MAPPING, MappingSettings
from monitor.lake import Kind

__all__ = ["CHUNK", "RESERVED", "TEXT_COLUMNS", "decode_batches"]
CHUNK = 10_000
RESERVED = (
    *TEXT_COLUMNS,
    *("event_time", "prediction", "score", "label", "label_time", "latency_ms", "status_code", "sampling_fraction"),
)
_LABEL_COLUMNS = {"model", "prediction_id", "label", "label_time"}
_FEATURE_PREFIXES = ("feature_", "features.")
_TAG_PREFIXES = ("tags.", "tag_")


def decode_batches(batches: Iterator[pa.RecordBatch], log: Log) -> Iterator[Decoded]:
    """The records of all batches, in stretches. Raises ValueError on no columns, or two of one name."""
    first = 0
    for batch in batches:
        names = batch.schema.names
        if not names:
            raise ValueError("the table has no columns")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two columns are named {twice[0]!r}; accepted: each name once")
        for start in range(0, batch.num_rows, CHUNK):
            yield _decode_batch(batch.slice(start, CHUNK), first + start, log)
        first += batch.num_rows


def _decode_batch(batch: pa.RecordBatch, first: int, log: Log) -> Decoded:
    """The records of one batch, whose first row is record `first` of the file."""
    if maps(log.mapping):
        mapper = Mapper(log.mapping, log.kind)
        return _by_row(batch, first, lambda row: mapper.read({name: _scalar(value) for name, value in row.items()}))
    wire = _wire_of(batch.schema.names, log.kind)
    paths = {name: _path(name) for name in batch.schema.names}
    plain = log.mapping == NO_MAPPING
    if plain and (records := read_columns(batch, wire, paths)) is not None:
        return Decoded(records, range(first, first + len(records)))
    return _by_row(batch, first, lambda row: _read_row(row, wire, paths, NO_MAPPING if plain else log.mapping))


def _by_row(batch: pa.RecordBatch, first: int, read: Any) -> Decoded:
    decoded = Decoded(places=[])
    assert isinstance(decoded.places, list)
    for index, row in enumerate(_rows(batch), start=first):
        record: WireRecord | str | None = read(row)
        if record is None:
            decoded.skipped += 1
        elif isinstance(record, str):
            spelled = {name: _scalar(value) for name, value in row.items() if value is not None}
            decoded.refusals.append(refusal(index, record, spelled))
        else:
            decoded.records.append(record)
            decoded.places.append(index)
    return decoded


def _read_row(
    row: Mapping[str, Any], wire: type[WireRecord], paths: Mapping[str, tuple[str, str]], mapping: MappingSettings
) -> WireRecord | str:
    sent = _as_sent(row, paths)
    if mapping is not NO_MAPPING:
        try:
            _in_units(sent, mapping, wire)
        except ValueError as error:
            return str(error)
    return read_record(sent, wire)


def _in_units(sent: dict[str, Any], mapping: MappingSettings, wire: type[WireRecord]) -> None:
    for name in ("event_time", "label_time"):
        if name in sent:
            sent[name] = as_moment(sent[name], mapping, name)
    if "latency_ms" in sent:
        sent["latency_ms"] = as_milliseconds(sent["latency_ms"], mapping.latency_unit)
    if wire is WirePrediction:
        sent.setdefault("sampling_fraction", mapping.sampling_fraction)


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
    columns = [values(column) for column in batch.columns]
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


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
