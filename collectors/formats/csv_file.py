"""CSV with a header line; a column's type is told from all of its values, not cell by cell.

A file without a header is read where the mapping names its columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import csv

from collectors.formats.reading import said
from collectors.formats.registry import WHOLE_BODY, Decoded, Log
from collectors.formats.table_rows import CHUNK, RESERVED, TEXT_COLUMNS, decode_batches
from monitor.config import MappingSettings
from monitor.records import Refusal

_BOM = b"\xef\xbb\xbf"


class CsvFile:
    """Comma-separated values, as spreadsheets and data frames write them."""

    name = "csv"
    title = "CSV"
    media_types = ("text/csv",)

    def sniff(self, log: Log) -> bool:
        line = log.body[:4096].lstrip(_BOM).split(b"\n", 1)[0].strip()
        return b"," in line and not line.startswith((b"[", b"{", b"PAR1")) and b"\x00" not in line

    def decode(self, log: Log) -> Iterator[Decoded]:
        body = log.body
        broken: list[Refusal] = []

        def keep(row: csv.InvalidRow) -> str:
            reason = f"the row has {row.actual_columns} values, the header {row.expected_columns}"
            broken.append(Refusal(index=len(broken), reason=reason, payload=row.text.encode()))
            return "skip"

        try:
            body.decode()  # the reader itself would stumble only where it quotes a broken row
            table = csv.read_csv(
                pa.BufferReader(body),
                read_options=csv.ReadOptions(use_threads=False, column_names=_names(log)),
                parse_options=csv.ParseOptions(invalid_row_handler=keep, newlines_in_values=True),
                convert_options=csv.ConvertOptions(
                    column_types=dict.fromkeys(_text_columns(log.mapping), pa.string()), strings_can_be_null=True
                ),
            )
            yield from decode_batches(iter(table.to_batches(max_chunksize=CHUNK)), log)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            reason = f"the body is not readable CSV: {said(error)}"
            yield Decoded(refusals=[Refusal(index=WHOLE_BODY, reason=reason, payload=body)])
            return
        for refused in broken:  # counted behind the rows that could be read
            refused.index += table.num_rows
        if broken:
            yield Decoded(refusals=broken)

    def example(self) -> Log:
        return Log(b"model,prediction_id,prediction,age\nincome,a-1,<=50K,39\n")


def _names(log: Log) -> list[str] | None:
    """The mapping's columns for a file without a header; None where its first line has a name in it that is known."""
    columns = log.mapping.columns
    if not columns:
        return None
    line = log.body[:65_536].lstrip(_BOM).split(b"\n", 1)[0].decode("utf-8", "replace")
    first = {cell.strip().strip('"') for cell in line.split(",")}
    return None if first & {*columns, *RESERVED} else list(columns)


def _text_columns(mapping: MappingSettings) -> tuple[str, ...]:
    """Columns that are text whatever they look like: an id of 007 stays one."""
    return (*TEXT_COLUMNS, *(mapping.fields[name] for name in TEXT_COLUMNS if name in mapping.fields))
