"""Some of a baseline's rows, kept with it for the methods that need rows: drift of many columns, text, embeddings.

The rows are chosen by the hash of their prediction_id (`Engine.rows`), so the choice is the same every time. They are
one Arrow IPC stream, compressed, in `baselines.sample`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate

import pyarrow as pa
import pyarrow.compute as pc

from monitor.errors import InvalidValue
from monitor.schemas import Feature, FeatureKind

SAMPLE_ROWS = 5000
LONGEST_TEXT = 1000
TIME = "@event_time"
"""The column with each row's event time, beside features (by name), `prediction` and `score`."""


def sample_features(features: Mapping[str, Feature], left_out: Sequence[str] = ()) -> dict[str, Feature]:
    """What to ask `Engine.rows` for: the features, and each row's event time as a column of its own.

    A sample holds values as they were stored, beyond the days that the lake keeps them. What is dropped, hashed or
    blacked out before it is stored (`collector.privacy`) never reaches it. Features that match `left_out` (names with *
    and ?, in any case) are left out although they were stored: such a rule may be younger than the rows. Texts that
    were stored before a rule to black out are kept as they are. A stored sample changes no more; for a rule that comes
    later, make a new baseline.
    """
    patterns = [re.compile(translate(name), re.IGNORECASE) for name in left_out]  # as collectors match them
    kept = {name: each for name, each in features.items() if not any(pattern.match(name) for pattern in patterns)}
    return {**kept, TIME: Feature(TIME, FeatureKind.NUMERIC, "event_time")}


def trim_texts(rows: pa.Table) -> pa.Table:
    """The rows with texts cut after 1,000 characters; both sides of a comparison are cut alike."""
    for index, column in enumerate(rows.schema):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            short = pc.utf8_slice_codeunits(rows.column(index), 0, LONGEST_TEXT)
            rows = rows.set_column(index, column.name, short)
    return rows


def encode_sample(rows: pa.Table) -> bytes:
    """The rows as one Arrow IPC stream (zstd). Raises InvalidValue for more than 5,000 of them."""
    if rows.num_rows > SAMPLE_ROWS:
        raise InvalidValue(f"a baseline's sample has at most {SAMPLE_ROWS} rows, not {rows.num_rows}")
    rows = trim_texts(rows).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def decode_sample(payload: bytes) -> pa.Table:
    """The rows that `encode_sample` was given. Raises InvalidValue for bytes that it did not make."""
    try:
        with pa.ipc.open_stream(pa.BufferReader(payload)) as reader:
            return reader.read_all()
    except pa.ArrowInvalid as error:
        raise InvalidValue(f"the baseline's sample can't be read: {error}") from error
