"""The interface of a many-column method, and where such methods are found."""

from __future__ import annotations

from typing import Protocol

import msgspec
import numpy as np
import pyarrow as pa

from monitor.plugins import MANY_COLUMN_METHODS
from monitor.points import Status

RATE = 0.01
LEAST_ROWS = 50


class ManyVerdict(msgspec.Struct, frozen=True):
    """What one look at many columns found.

    `value` is the method's own number and `limit` the one that it must exceed; `p_value` is the chance of a value at
    least this large under no drift, None where there is no value. `why` says in words what moved, or why there is no
    verdict. `columns` are those that moved most, the first most.
    """

    method: str
    value: float | None
    n: int
    limit: float | None
    p_value: float | None
    breach: bool
    status: Status
    why: str
    columns: tuple[str, ...] = ()


class FittedMethod(Protocol):
    """A method prepared for one baseline; `judge` changes nothing in it and may be called for any number of windows."""

    def judge(self, current_rows: pa.Table, random: np.random.Generator) -> ManyVerdict:
        """The verdict on a window's rows. Never raises for odd data: that gives a verdict without a value."""
        ...


class ManyColumnMethod(Protocol):
    """Compares a window with a baseline in all columns at once.

    Rows are Arrow tables: features by name, optionally `prediction`, `score` (not compared) and `@event_time` (to tell
    drift from what the baseline itself does over time). With nothing drifted, `judge` breaches with at most 1 %.
    """

    name: str
    source: str

    def fit(self, reference_rows: pa.Table) -> FittedMethod:
        """Prepare for a baseline, once: up to 5,000 of its rows are used."""
        ...


def get_many_column_method(name: str) -> ManyColumnMethod:
    """The many-column method of this name. Raises ConfigError naming the methods there are."""
    method: ManyColumnMethod = MANY_COLUMN_METHODS.load(name)
    return method


def without_value(method: str, n: int, status: Status, why: str) -> ManyVerdict:
    return ManyVerdict(method, None, n, None, None, False, status, why)
