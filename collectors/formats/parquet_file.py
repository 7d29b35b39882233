"""Parquet files, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import parquet

from collectors.formats.reading import said
from collectors.formats.registry import WHOLE_BODY, Decoded
from collectors.formats.table_rows import CHUNK, decode_batches
from monitor.lake import Kind
from monitor.records import Refusal

_MAGIC = b"PAR1"


class ParquetFile:
    """Apache Parquet, as data frames and lakes write it."""

    name = "parquet"
    media_types = ("application/vnd.apache.parquet",)

    def sniff(self, head: bytes) -> bool:
        return head.startswith(_MAGIC)

    def decode(self, body: bytes, kind: Kind) -> Iterator[Decoded]:
        try:
            with parquet.ParquetFile(pa.BufferReader(body)) as file:
                yield from decode_batches(file.iter_batches(batch_size=CHUNK), kind)
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = f"the body is not readable Parquet: {said(error)}"
            yield Decoded(refusals=[Refusal(index=WHOLE_BODY, reason=reason, payload=body)])

    def example(self) -> bytes:
        sink = pa.BufferOutputStream()
        parquet.write_table(
            pa.table({"model": ["income"], "prediction_id": ["a-1"], "prediction": ["<=50K"], "age": [39]}), sink
        )
        written: bytes = sink.getvalue().to_pybytes()
        return written
