"""Rows of a table as the body of a piece: an Arrow stream, which keeps their types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import ipc


def arrow_body(rows: pa.RecordBatch | pa.Table) -> bytes:
    """The rows as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, rows.schema) as stream:
        stream.write(rows)
    return bytes(sink.getvalue().to_pybytes())


def table_of(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """A table of Python values, as database drivers give them. A column of mixed kinds becomes text."""
    return pa.table({name: _column(list(map(_plain, values))) for name, values in columns.items()})


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values])


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case dict() | list() | tuple():
            return json.dumps(value, default=str)
        case bytes() | memoryview():
            return bytes(value).decode("utf-8", "backslashreplace")
        case None | bool() | int() | float() | str() | datetime() | date() | time() | timedelta():
            return value
        case _:
            return str(value)
