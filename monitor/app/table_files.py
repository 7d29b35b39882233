"""A file as one table: Parquet, CSV with a header, JSON lines or a JSON array; told apart by what they begin with."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa

from collectors.formats.reading import said
from monitor.errors import InvalidValue, NotFound

_PARQUET = b"PAR1"
_BOM = b"\xef\xbb\xbf"
_FEATURES = ("features.", "feature_")


def read_table(path: Path) -> pa.Table:
    """All rows of the file; what is nested in JSON is a column of its own (`features.age` is `age`).

    Raises NotFound when it can't be opened, InvalidValue when it is no readable table, has no rows, or two columns of
    one name.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        table = _flat(_read(path, head))
        names = table.column_names
    except OSError as error:
        if isinstance(error, pa.ArrowException) or error.strerror is None:
            raise InvalidValue(f"file {str(path)!r} is not a readable table: {said(error)}") from None
        raise NotFound(f"file {str(path)!r} can't be read: {error.strerror}") from None
    except (pa.ArrowException, ValueError, OverflowError, TypeError) as error:
        raise InvalidValue(f"file {str(path)!r} is not a readable table: {said(error)}") from None
    if not table.num_rows or not table.num_columns:
        raise InvalidValue(f"file {str(path)!r} has no rows")
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        raise InvalidValue(f"file {str(path)!r} has two columns named {twice[0]!r}; accepted: each name once")
    return table


def _read(path: Path, head: bytes) -> pa.Table:
    from pyarrow import csv, parquet
    from pyarrow import json as arrow_json

    if head.startswith(_PARQUET):
        # One file, not a folder of partitions: what its path is called is no column.
        with parquet.ParquetFile(path) as file:
            return file.read()
    start = head.removeprefix(_BOM).lstrip()
    if start.startswith(b"{"):
        return arrow_json.read_json(path)
    if start.startswith(b"["):
        rows = json.loads(path.read_bytes())
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("the array holds something else than objects")
        return pa.Table.from_pylist(rows)
    if not start:
        raise ValueError("the file is empty")
    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=_delimiter(start), newlines_in_values=True),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    )


def _delimiter(start: bytes) -> str:
    """A comma, unless the header has none and has semicolons, as spreadsheets write, or tabs."""
    header = start.partition(b"\n")[0]
    return "," if b"," in header else ";" if b";" in header else "\t" if b"\t" in header else ","


def _flat(table: pa.Table) -> pa.Table:
    """Structs as columns of their own; a leading `features.` goes where no other column has the name that is left."""
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    taken = set(table.column_names)
    names = []
    for name in table.column_names:
        short = next((name[len(prefix) :] for prefix in _FEATURES if name.startswith(prefix)), name)
        names.append(short if short and short not in taken else name)
    return table.rename_columns(names)
