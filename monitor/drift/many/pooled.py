"""Methods that compare two sets of rows alike: they encode both together, and chance is a permutation of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitor.drift.many.encoding import Encoded, encode
from monitor.drift.many.method import LEAST_ROWS, RATE, ManyVerdict, without_value
from monitor.drift.many.permutation import Contrast, TimeNull, judge, time_null
from monitor.drift.many.rows import Rows, pool, read_rows
from monitor.points import Status

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class PooledMethod:
    """`encode` makes one matrix of all rows, the last n of them the window's (0: none); `contrast` prepares it for any
    choice of which rows are the window's.

    `smallest` is the value below which a difference is not worth a message however sure it is; `value_name` is what
    words call the value; `names` puts the columns that moved most first.
    """

    name: str
    source: str
    value_name: str
    smallest: float
    contrast: Callable[[Encoded, np.random.Generator], Contrast]
    names: Callable[[Encoded, int], list[str]]
    encode: Callable[[Rows, int], Encoded] = lambda rows, _: encode(rows)

    def fit(self, reference_rows: pa.Table) -> FittedPooled:
        """Keep the rows, and learn how much the baseline differs from itself over time."""
        rows = read_rows(reference_rows)
        random = np.random.default_rng(rows.size)
        encoded = self.encode(rows, 0)
        if not encoded.owners or rows.size < LEAST_ROWS:
            return FittedPooled(self, rows, TimeNull())
        return FittedPooled(self, rows, time_null(self.contrast(encoded, random), rows.time, random))


@dataclass(frozen=True, slots=True)
class FittedPooled:
    """A pooled method with its baseline's rows."""

    method: PooledMethod
    rows: Rows
    time: TimeNull

    def judge(self, current_rows: pa.Table, random: np.random.Generator) -> ManyVerdict:
        """The verdict on a window: a permutation test at 1 % of its first 5,000 rows against the baseline's."""
        name, current = self.method.name, read_rows(current_rows, self.rows.names)
        if objection := too_few(self.rows.size, current.size):
            return without_value(name, current.size, Status.INSUFFICIENT, objection)
        encoded = self.method.encode(pool(self.rows, current), current.size)
        if not encoded.owners:
            return without_value(name, current.size, Status.UNDEFINED, "every column is constant or empty")
        contrast = self.method.contrast(encoded, random)
        found = judge(contrast, encoded.matrix.shape[0], current.size, random, RATE, self.time)
        if np.isnan(found.value):
            why = f"there is no {self.method.value_name} of these columns"
            return without_value(name, current.size, Status.UNDEFINED, why)
        limit = max(found.limit, self.method.smallest)
        breach = found.p_value <= RATE and found.value >= self.method.smallest
        moved = self.method.names(encoded, current.size)[:MOST_NAMED]
        why = f"{self.method.value_name} {found.value:.3g} (limit {limit:.3g})"
        if breach:
            why += f"; most by {', '.join(moved)}"
        return ManyVerdict(
            name,
            found.value,
            current.size,
            limit,
            found.p_value,
            breach,
            Status.OK,
            why,
            tuple(moved) if breach else (),
        )


def too_few(reference: int, current: int) -> str:
    """Why so many rows are not enough; empty where they are."""
    if reference < LEAST_ROWS:
        return f"the baseline's sample has {reference} rows, {LEAST_ROWS} needed"
    return f"{current} rows, {LEAST_ROWS} needed" if current < LEAST_ROWS else ""


def most_moved(encoded: Encoded, n: int) -> list[str]:
    """The columns by how far their means moved in the last n rows, in standard deviations; the farthest first."""
    before, after = encoded.matrix[:-n], encoded.matrix[-n:]
    moved: dict[str, float] = {}
    for owner, shift in zip(encoded.owners, after.mean(axis=0) - before.mean(axis=0), strict=True):
        moved[owner] = moved.get(owner, 0.0) + float(shift) ** 2
    return sorted(moved, key=lambda name: -moved[name])
