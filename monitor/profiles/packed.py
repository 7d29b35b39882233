"""All columns of a window as two arrays: what is stored, and what many windows are merged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.profiles.columns import CategoricalProfile, ColumnProfile, NumericProfile, pooled_moments

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


class ColumnBins(msgspec.Struct, frozen=True, array_like=True):
    """One column's bins: edges of numbers, or categories. The prediction has no name."""

    name: str | None
    edges: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None

    @property
    def width(self) -> int:
        """How many integers its profile has: a count per bin, what is infinite or unseen, and what is missing."""
        return (len(self.categories) if self.categories is not None else len(self.edges or ()) + 1) + 2


@dataclass(frozen=True)
class Layout:
    """Which columns there are, in order, each with its bins. `key` is the same as bytes, `digest` 16 bytes of it."""

    columns: tuple[ColumnBins, ...]
    key: bytes

    @cached_property
    def digest(self) -> bytes:
        return sha256(self.key).digest()[:16]

    @cached_property
    def bounds(self) -> list[int]:
        """Where each column's integers start, and the last one's end."""
        return [0, *np.cumsum([column.width for column in self.columns]).tolist()]

    @cached_property
    def numbers(self) -> list[int]:
        """The positions of the numeric columns."""
        return [i for i, column in enumerate(self.columns) if column.edges is not None]

    def finite(self, integers: Integers) -> Floats:
        """How many finite values each numeric column has."""
        if not self.numbers:
            return np.zeros(0)
        spans = [at for i in self.numbers for at in (self.bounds[i], self.bounds[i + 1] - 2)]
        return np.add.reduceat(integers, spans, dtype=np.int64)[::2].astype(np.float64)


@dataclass(frozen=True, slots=True)
class PackedColumns:
    """Profiles on a layout. `integers` holds each column's counts, then infinite (numbers) or unseen (categories), then
    missing; `floats` a row per numeric column: low, high (nan where there is no value), mean, m2."""

    layout: Layout
    integers: Integers
    floats: Floats


def pack(columns: Mapping[str, ColumnProfile], prediction: ColumnProfile | None) -> PackedColumns:
    named: list[tuple[str | None, ColumnProfile]] = [*columns.items()]
    if prediction is not None:
        named.append((None, prediction))
    integers: list[int] = []
    floats: list[tuple[float, ...]] = []
    for _, profile in named:
        if isinstance(profile, NumericProfile):
            integers += (*profile.counts, profile.infinite, profile.missing)
            low, high = (np.nan if at is None else at for at in (profile.low, profile.high))
            floats.append((low, high, profile.mean, profile.m2))
        else:
            integers += (*profile.counts, profile.unseen, profile.missing)
    table = np.array(floats, dtype=np.float64).reshape(-1, 4)
    return PackedColumns(layout_of(named), np.array(integers, dtype=np.int64), table)


def unpack(packed: PackedColumns) -> tuple[dict[str, ColumnProfile], ColumnProfile | None]:
    """The features' profiles by name, and the prediction's."""
    found: dict[str | None, ColumnProfile] = {}
    integers, rows = packed.integers.tolist(), iter(packed.floats.tolist())
    for column, (start, end) in zip(packed.layout.columns, pairwise(packed.layout.bounds), strict=True):
        *counts, other, missing = integers[start:end]
        if column.categories is not None:
            found[column.name] = CategoricalProfile(column.categories, tuple(counts), other, missing)
        else:
            low, high, mean, m2 = next(rows)
            ends = (low, high) if low == low else (None, None)
            found[column.name] = NumericProfile(
                column.edges or (), tuple(counts), missing, other, ends[0], ends[1], mean, m2
            )
    prediction = found.pop(None, None)
    return {name: profile for name, profile in found.items() if name is not None}, prediction


def merge_packed(parts: Sequence[PackedColumns]) -> PackedColumns:
    """The profiles of all rows of at least one part; all parts are on one layout."""
    layout = parts[0].layout
    integers = np.zeros(layout.bounds[-1], dtype=np.int64)
    n = np.zeros((len(parts), len(layout.numbers)))
    for i, part in enumerate(parts):
        integers += part.integers.astype(np.int64, copy=False)  # counts beyond 2^32 are stored as uint64
        n[i] = layout.finite(part.integers)
    floats = np.array([part.floats for part in parts])
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduce(floats[..., 0]), np.fmax.reduce(floats[..., 1])
    _, mean, m2 = pooled_moments(n, floats[..., 2], floats[..., 3])
    return PackedColumns(layout, integers, np.column_stack([low, high, mean, m2]))


def layout_of(columns: Sequence[tuple[str | None, ColumnProfile]]) -> Layout:
    """The bins of these profiles."""
    return read_layout(
        msgspec.msgpack.encode(
            [
                ColumnBins(name, profile.edges)
                if isinstance(profile, NumericProfile)
                else ColumnBins(name, None, profile.categories)
                for name, profile in columns
            ]
        )
    )


@lru_cache(maxsize=256)
def read_layout(key: bytes) -> Layout:
    """The layout from its bytes."""
    return Layout(msgspec.msgpack.decode(key, type=tuple[ColumnBins, ...]), key)
