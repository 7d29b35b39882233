"""Arrow IPC: streams, as data frames and query engines send them, and files (Feather)."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import ipc

from collectors.formats.reading import said
from collectors.formats.registry import WHOLE_BODY, Decoded, Log
from collectors.formats.table_rows import decode_batches
from monitor.records import Refusal

_FILE = b"ARROW1"
# A stream begins with a mark that what follows has a length, and that length; the schema's table comes after it.
_STREAM = b"\xff\xff\xff\xff"


class ArrowStream:
    """Columns as in a Parquet file, without the cost of writing one."""

    name = "arrow"
    title = "Arrow"
    media_types = ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file")

    def sniff(self, log: Log) -> bool:
        return log.body.startswith((_FILE, _STREAM))

    def decode(self, log: Log) -> Iterator[Decoded]:
        try:
            yield from decode_batches(_batches(log.body), log)
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            reason = f"the body is not readable Arrow: {said(error)}"
            yield Decoded(refusals=[Refusal(index=WHOLE_BODY, reason=reason, payload=log.body)])

    def example(self) -> Log:
        table = pa.table({"model": ["income"], "prediction_id": ["a-1"], "prediction": ["<=50K"], "age": [39]})
        sink = pa.BufferOutputStream()
        with ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return Log(sink.getvalue().to_pybytes())


def _batches(body: bytes) -> Iterator[pa.RecordBatch]:
    source = pa.BufferReader(body)
    if body.startswith(_FILE):
        with ipc.open_file(source) as file:
            for number in range(file.num_record_batches):
                yield _sound(file.get_batch(number))
        return
    with ipc.open_stream(source) as stream:
        for batch in stream:
            yield _sound(batch)


def _sound(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, once its offsets are known to lie inside it: bytes from outside may say anything."""
    batch.validate(full=True)
    return batch
