"""Tables whose columns have the types that nobody expects there, as Parquet and Arrow hold them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
from pyarrow import ipc, parquet

from collectors.formats import Log
from monitor.lake import Kind

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
COLUMNS: list[pa.Array] = [
    pa.array(["a", None]),
    pa.array([1, None]),
    pa.array([0.5, float("nan")]),
    pa.array([float("inf"), -0.0]),
    pa.array([True, None]),
    pa.array([None, None]),
    pa.array([2**64 - 1, 0], pa.uint64()),
    pa.array([Decimal("1e30"), None]),
    pa.array([date(2026, 3, 4), None]),
    pa.array([time(1, 2), None]),
    pa.array([NOON, None], pa.timestamp("ns", "UTC")),
    pa.array([NOON.replace(tzinfo=None), None], pa.timestamp("us")),
    pa.array([-(2**62), 2**62], pa.timestamp("s")),
    pa.array([timedelta(days=1), None]),
    pa.array([b"\xff\x00", None]),
    pa.array([[1, 2], []]),
    pa.array([{"a": 1, "b": None}, None]),
    pa.array([[("a", 1.0)], []], pa.map_(pa.string(), pa.float64())),
    pa.array(["x", "y"]).dictionary_encode(),
    pa.array(["", "x" * 300], pa.large_string()),
    pa.array([1.5, 65504.0], pa.float16()),
]
FIELDS = (
    "model",
    "version",
    "prediction_id",
    "event_time",
    "prediction",
    "score",
    "latency_ms",
    "status_code",
    "error",
)
FIELDS += (
    "entity_id",
    "sampling_fraction",
    "label",
    "label_time",
    "tag.zone",
    "scores",
    "tags",
    "features",
    "age",
    "feature.age",
)


def odd_tables() -> list[pa.Table]:
    """For each field one table in which it has one type or another; and empty, wide and double-named ones."""
    tables = [
        pa.table(
            {"model": ["income", "income"], "prediction_id": ["p-1", "p-2"]}
            | {field: COLUMNS[(at * 5 + turn) % len(COLUMNS)]}
        )
        for at, field in enumerate(FIELDS)
        for turn in (0, 7, 13)
    ]
    every = {f"f{place}": column for place, column in enumerate(COLUMNS)}
    return [
        *tables,
        pa.table({"model": ["income"] * 2, **every}),
        pa.table({}),
        pa.table({"prediction_id": pa.array([], pa.string())}),
        pa.Table.from_arrays([pa.array(["p-1"]), pa.array([1]), pa.array([2])], ["prediction_id", "age", "age"]),
    ]


def parquet_files() -> list[Log]:
    logs = []
    for table in odd_tables():
        sink = pa.BufferOutputStream()
        try:
            parquet.write_table(table, sink)
        except (pa.ArrowException, OSError):  # Parquet has no such type
            continue
        logs += [Log(sink.getvalue().to_pybytes(), kind, model="income") for kind in Kind]
    return logs


def arrow_streams() -> list[Log]:
    logs = []
    for number, table in enumerate(odd_tables()):
        sink = pa.BufferOutputStream()
        with (ipc.new_file if number % 3 == 0 else ipc.new_stream)(sink, table.schema) as writer:
            writer.write_table(table)
        logs += [Log(sink.getvalue().to_pybytes(), kind, model="income") for kind in Kind]
    return logs
