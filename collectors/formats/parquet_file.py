"""Parquet files, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import parquet

from collectors.formats.reading import said
from collectors.formats.registry import WHOLE_BODY, Decoded, Log
from collectors.formats.table_rows import CHUNK, decode_batches
from monitor.records import Refusal

_MAGIC = b"PAR1"


class ParquetFile:
    """Apache Parquet, as data frames and lakes write it."""

    name = "parquet"
    title = "Parquet"
    media_types = ("application/vnd.apache.parquet",)

    def sniff(self, log: Log) -> bool:
        return log.body.startswith(_MAGIC)

    def decode(self, log: Log) -> Iterator[Decoded]:
        try:
            with parquet.ParquetFile(pa.BufferReader(log.body)) as file:
                yield from decode_batches(file.iter_batches(batch_size=CHUNK), log)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            reason = f"the body is not readable Parquet: {said(error)}"
            yield Decoded(refusals=[Refusal(index=WHOLE_BODY, reason=reason, payload=log.body)])

    def example(self) -> Log:
        sink = pa.BufferOutputStream()
        parquet.write_table(
            pa.table({"model": ["income"], "prediction_id": ["a-1"], "prediction": ["<=50K"], "age": [39]}), sink
        )
        return Log(sink.getvalue().to_pybytes())
