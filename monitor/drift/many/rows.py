"""Rows as columns of numbers and of categories: what every many-column method reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitor.sample import SAMPLE_ROWS, TIME, trim_texts

ANSWERS = ("prediction", "score")


@dataclass(frozen=True, slots=True)
class Rows:
    """`size` rows: `numbers` by column (float64, NaN where missing, infinities kept), `categories` by column (Arrow
    strings, null where missing), and `time`, each row's event time in seconds, where it is known."""

    size: int
    numbers: Mapping[str, NDArray[np.float64]]
    categories: Mapping[str, pa.Array]
    time: NDArray[np.float64] | None = None

    @property
    def names(self) -> list[str]:
        return [*self.numbers, *self.categories]


def read_rows(table: pa.Table, columns: Sequence[str] | None = None) -> Rows:
    """The first 5,000 rows of these columns; without `columns` all but the model's answer. Booleans are categories."""
    table = trim_texts(table.slice(0, SAMPLE_ROWS))
    names = columns if columns is not None else [n for n in table.column_names if n not in (*ANSWERS, TIME)]
    numbers, categories = {}, {}
    for name in names:
        column = table.column(name).combine_chunks() if name in table.column_names else pa.nulls(table.num_rows)
        if _is_number(column.type):
            numbers[name] = _floats(column)
        else:
            categories[name] = pc.cast(column, pa.string())
    time = table.column(TIME).combine_chunks() if TIME in table.column_names else None
    return Rows(table.num_rows, numbers, categories, _seconds(time) if time is not None else None)


def pool(reference: Rows, current: Rows) -> Rows:
    """The reference's rows followed by the window's, in the reference's columns and their kinds.

    A column that the window lacks, or that came as another kind, is missing in all of the window's rows.
    """
    nothing = np.full(current.size, np.nan)
    numbers = {name: np.concatenate([x, current.numbers.get(name, nothing)]) for name, x in reference.numbers.items()}
    absent = pa.nulls(current.size, pa.string())
    categories = {
        name: pa.concat_arrays([x, current.categories.get(name, absent)]) for name, x in reference.categories.items()
    }
    return Rows(reference.size + current.size, numbers, categories)


def take(rows: Rows, index: NDArray[np.intp]) -> Rows:
    """The rows at these positions."""
    return Rows(
        index.size,
        {name: x[index] for name, x in rows.numbers.items()},
        {name: x.take(pa.array(index)) for name, x in rows.categories.items()},
        rows.time[index] if rows.time is not None else None,
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _floats(column: pa.Array) -> NDArray[np.float64]:
    floats = pc.cast(column, pa.float64(), safe=False)
    return np.asarray(floats.to_numpy(zero_copy_only=False), dtype=np.float64)


def _seconds(column: pa.Array) -> NDArray[np.float64] | None:
    """Seconds since 1970; None where a time is missing, for then rows can't be put in order."""
    if column.null_count or not pa.types.is_timestamp(column.type):
        return None
    micros = pc.cast(pc.cast(column, pa.timestamp("us", tz=column.type.tz), safe=False), pa.int64())
    return np.asarray(micros.to_numpy(), dtype=np.float64) / 1e6
