"""The fast way from an Arrow table to wire records: columns are checked as a whole, rows are only put together.

`read_columns` takes what needs no second look; for anything odd it gives up, and the rows are read one by one, which
gives the same records and the reasons. (Tests compare the two.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from collectors.wire import MAX_NAME_LENGTH, WireLabel, WirePrediction, WireRecord

TEXT_COLUMNS = ("model", "version", "prediction_id", "entity_id", "error")
_LONGEST = {"version": 200, "prediction_id": MAX_NAME_LENGTH, "entity_id": MAX_NAME_LENGTH}


class _Odd(Exception):
    """The column needs a look at each of its values."""


def read_columns(
    batch: pa.RecordBatch, wire: type[WireRecord], paths: Mapping[str, tuple[str, str]]
) -> list[WireRecord] | None:
    """The records of a batch, or None where a column holds anything that needs a look row by row."""
    fields: dict[str, list[Any]] = {}
    parts: dict[str, dict[str, list[Any]]] = {"features": {}, "tags": {}}
    try:
        for column, array in zip(batch.schema.names, batch.columns, strict=True):
            field, name = paths[column]
            if field == "features" and wire is WirePrediction:
                parts["features"][name] = _feature(array)
            elif field == "tags" and wire is WirePrediction:
                parts["tags"][name] = _text(array)
            elif field in wire.__struct_fields__ and field not in parts:
                fields[field] = _READERS[field](array) if field in _READERS else _text(array, _LONGEST.get(field))
            else:
                return None  # a label has no such field: each row is refused for it
        if wire is WireLabel and not all(_is_full(fields.get(name)) for name in ("prediction_id", "label")):
            return None
    except (_Odd, pa.ArrowException, ValueError, OverflowError):
        return None
    count = batch.num_rows
    if features := parts["features"]:
        names = tuple(features)
        fields["features"] = [dict(zip(names, row, strict=True)) for row in zip(*features.values(), strict=True)]
    if tags := parts["tags"]:
        rows = zip(*tags.values(), strict=True)
        fields["tags"] = [{k: v for k, v in zip(tags, row, strict=True) if v is not None} for row in rows]
    if not fields:
        return [wire() for _ in range(count)] if wire is WirePrediction else None
    make: Callable[..., WireRecord] = wire
    names = tuple(fields)
    return [make(**dict(zip(names, row, strict=True))) for row in zip(*fields.values(), strict=True)]


def values(array: pa.Array) -> list[Any]:
    """The values of a column as Python has them; times to the microsecond, in UTC where they have a zone.

    The same as `to_pylist`, several times as fast: that makes an object of every value first.
    """
    kind = array.type
    if pa.types.is_timestamp(kind):
        return _times(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _listed(array)
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        listed: list[Any] = array.to_pylist()
        return listed
    if not array.null_count:
        return _listed(array)
    filled = _listed(array.fill_null(pa.scalar(0).cast(kind)))
    for place in pc.indices_nonzero(array.is_null()).to_pylist():
        filled[place] = None
    return filled


def _times(array: pa.Array) -> list[Any]:
    naive = _listed(array.cast(pa.timestamp("us"), safe=False))  # a zone's times are stored in UTC
    if array.type.tz is None:
        return naive
    # Beyond what a datetime can hold, numpy gives a number; validation will refuse it as one.
    return [moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else moment for moment in naive]


def _listed(array: pa.Array) -> list[Any]:
    listed: list[Any] = array.to_numpy(zero_copy_only=False).tolist()
    return listed


def _is_full(column: list[Any] | None) -> bool:
    return column is not None and None not in column


def _feature(array: pa.Array) -> list[Any]:
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if not _is_plain(kind):
        raise _Odd
    return values(array)


def _is_plain(kind: pa.DataType) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
    number = pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)
    return bool(text or pa.types.is_boolean(kind) or (number and kind != pa.uint64()))


def _text(array: pa.Array, longest: int | None = None) -> list[Any]:
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_integer(array.type):
        array = array.cast(pa.string())
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_null(array.type)):
        raise _Odd
    if longest is not None and not pa.types.is_null(array.type):
        lengths = pc.min_max(pc.utf8_length(array)).as_py()
        if lengths["min"] is not None and (lengths["min"] < 1 or lengths["max"] > longest):
            raise _Odd
    return values(array)


def _without_nan(array: pa.Array) -> pa.Array:
    """NaN is how data frames write that there is no number."""
    if not pa.types.is_floating(array.type):
        return array
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)


def _number(low: float, high: float, above: bool = False) -> Callable[[pa.Array], list[Any]]:
    """A reader of floats from `low` to `high`, or above `low`; anything else is odd."""

    def read(array: pa.Array) -> list[Any]:
        if pa.types.is_null(array.type):
            return values(array)
        if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
            raise _Odd
        array = _without_nan(array).cast(pa.float64())
        found = pc.min_max(array).as_py()
        if found["min"] is not None and not (low <= found["min"] and found["max"] <= high):
            raise _Odd
        if above and found["min"] == low:
            raise _Odd
        return values(array)

    return read


def _status(array: pa.Array) -> list[Any]:
    return values(pa.array(_number(100, 599)(array), pa.float64()).cast(pa.int64()))


def _share(array: pa.Array) -> list[Any]:
    return [1.0 if value is None else value for value in _number(0, 1, above=True)(array)]


def _outcome(array: pa.Array) -> list[Any]:
    return _feature(_without_nan(array))


def _moment(array: pa.Array) -> list[Any]:
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_null(kind):
        return values(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = values(array)
        return [None if text is None else datetime.fromisoformat(text.strip()) for text in texts]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return values(_without_nan(array).cast(pa.float64()))
    raise _Odd


_LARGEST = 1.7976931348623157e308
_READERS: dict[str, Callable[[pa.Array], list[Any]]] = {
    "score": _number(-_LARGEST, _LARGEST),
    "latency_ms": _number(0, _LARGEST),
    "status_code": _status,
    "sampling_fraction": _share,
    "prediction": _outcome,
    "label": _outcome,
    "event_time": _moment,
    "label_time": _moment,
}
