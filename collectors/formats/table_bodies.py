"""Bodies that are rows of a table, as exports and table sources hand them on: JSON lines, Arrow IPC or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from collectors.formats.gathering import Broken, first_object, read_objects
from collectors.formats.reading import said

ARROW_STREAM = b"\xff\xff\xff\xff"
_ARROW_FILE = b"ARROW1"
_PARQUET = b"PAR1"
_BATCH = 1_000  # payload columns are wide: this many rows become Python objects at a time


def read_rows_of(body: bytes) -> Iterator[dict[str, Any] | Broken]:
    """The rows of the body, as dicts of column → value; what can't be read is broken."""
    if not body.startswith((ARROW_STREAM, _ARROW_FILE, _PARQUET)):
        yield from read_objects(body)
        return
    try:
        for batch in _batches(body):
            batch.validate(full=True)  # a damaged offset would be read as an address
            for start in range(0, batch.num_rows, _BATCH):
                yield from batch.slice(start, _BATCH).to_pylist()
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        yield Broken(f"the table is not readable: {said(error)}", body[:4096])


def first_columns(body: bytes) -> set[str]:
    """The names of the columns of the first row, for a sniff. Parquet is left to the format of that name."""
    if not body.startswith((ARROW_STREAM, _ARROW_FILE)):
        return set(first_object(body))
    try:
        reader = ipc.open_stream(body) if body.startswith(ARROW_STREAM) else ipc.open_file(body)
        return set(reader.schema.names)
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError):
        return set()


def _batches(body: bytes) -> Iterator[pa.RecordBatch]:
    if body.startswith(ARROW_STREAM):
        yield from ipc.open_stream(body)
    elif body.startswith(_ARROW_FILE):
        file = ipc.open_file(body)
        yield from (file.get_batch(i) for i in range(file.num_record_batches))
    else:
        with parquet.ParquetFile(pa.BufferReader(body)) as file:
            yield from file.iter_batches(batch_size=_BATCH)
