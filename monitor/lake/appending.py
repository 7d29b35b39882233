"""Data files of a Delta table, and what Delta's log says of each.

The Delta library's own writer looks at every file of the table for each commit, so a table that is appended to every
second gets slower all day. Here Arrow writes the Parquet files, which also takes it a third of the time, and the
library makes only the commit.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction
from pyarrow.fs import FileSystem, LocalFileSystem, PyFileSystem, SubTreeFileSystem

# Repeated texts are worth a dictionary. An id occurs once, and numbers rarely repeat: theirs would be thrown away.
_UNIQUE = ("prediction_id",)


def write_files(table: DeltaTable, rows: pa.Table, partition_column: str) -> list[AddAction | RemoveAction]:
    """Write the rows, a file for each day of the partition column. They are on disk, and count once they are committed.

    Raises OSError when a file can't be written.
    """
    folder = _local_folder(table)
    files = _file_system(table, folder)
    return [_write_file(files, folder, some, partition_column, day) for day, some in _by_day(rows, partition_column)]


def add_missing_columns(table: DeltaTable, rows: pa.Schema) -> None:
    """Let the table have every column of the rows, durably. Raises ValueError where one has another type there."""
    known = {field.name: field.type for field in table.schema().fields}
    missing = []
    for field in Schema.from_arrow(rows).fields:
        if field.name not in known:
            missing.append(field)
        elif known[field.name] != field.type:
            raise ValueError(f"column {field.name!r} of {table.table_uri} is {known[field.name]}, not {field.type}")
    if missing:
        table.alter.add_columns(missing)
        table.update_incremental()
        make_durable(table)


def make_durable(table: DeltaTable) -> None:
    """Have the disk write the table's last commit, and the checkpoint that may have come with it; a store elsewhere has
    done so already."""
    folder = _local_folder(table)
    if folder is not None:
        log = folder / "_delta_log"
        checkpoint = log / f"{table.version():020}.checkpoint.parquet"
        with_it = [checkpoint, log / "_last_checkpoint"] if checkpoint.exists() else []
        _sync(log / f"{table.version():020}.json", *with_it, log, folder)


def _by_day(rows: pa.Table, partition_column: str) -> Iterator[tuple[date, pa.Table]]:
    days = rows.column(partition_column)
    found = pc.unique(days).to_pylist()
    for day in found:
        yield day, rows if len(found) == 1 else rows.filter(pc.equal(days, pa.scalar(day, days.type)))


def _write_file(files: FileSystem, folder: Path | None, rows: pa.Table, partition_column: str, day: date) -> AddAction:
    rows = rows.drop_columns([partition_column])
    partition = f"{partition_column}={day}"
    path = f"{partition}/{uuid4()}.parquet"
    if folder is not None:
        files.create_dir(partition)
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type) and field.name not in _UNIQUE]
    with files.open_output_stream(path) as file:
        pq.write_table(rows, file, compression="zstd", use_dictionary=texts)
    if folder is not None:
        _sync(folder / path, folder / partition, folder)
    written = files.get_file_info(path)
    modified = written.mtime_ns // 1_000_000
    return AddAction(path, written.size, {partition_column: str(day)}, modified, True, json.dumps(_statistics(rows)))


def _statistics(rows: pa.Table) -> dict[str, Any]:
    """How many rows there are, how many nulls in each column, and the bounds of numbers and times.

    Source: Delta transaction log protocol, "Per-file Statistics".
    """
    least, most, nulls = {}, {}, {}
    for field, column in zip(rows.schema, rows.columns, strict=True):
        if pa.types.is_nested(field.type):
            continue
        nulls[field.name] = column.null_count
        if pa.types.is_timestamp(field.type) or pa.types.is_floating(field.type) or pa.types.is_integer(field.type):
            bounds = pc.min_max(column).as_py()
            if _is_bound(bounds["min"]) and _is_bound(bounds["max"]):
                least[field.name], most[field.name] = _plain(bounds["min"]), _plain(bounds["max"])
    return {"numRecords": len(rows), "minValues": least, "maxValues": most, "nullCount": nulls}


def _is_bound(value: Any) -> bool:
    return isinstance(value, datetime) or (value is not None and math.isfinite(value))


def _plain(bound: Any) -> Any:
    """As Delta's log has it: times are cut to the millisecond."""
    if isinstance(bound, datetime):
        return bound.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return bound


def _file_system(table: DeltaTable, folder: Path | None) -> FileSystem:
    if folder is not None:
        return SubTreeFileSystem(str(folder), LocalFileSystem())
    return PyFileSystem(DeltaStorageHandler.from_table(table._table))


def _local_folder(table: DeltaTable) -> Path | None:
    """Where the table is on this machine, if it is."""
    address = urlsplit(table.table_uri)
    return Path(url2pathname(address.path)) if address.scheme == "file" else None


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
