"""Runs: immutable files of sorted 128-bit ids with what is known of each, and a filter that spares most look-ups.

A B-tree that takes ids in random order rewrites a page per id once it outgrows memory. Here a pass of the flusher
appends one sorted file, and files of like size are merged now and then (a log-structured merge tree, O'Neil et al.
1996), so that the cost per id hardly grows. Each file begins with a Bloom filter (Bloom 1970); probes are numbered by
double hashing (Kirsch and Mitzenmacher 2006).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Unsigned = NDArray[np.uint64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

BITS_PER_ID = 12
PROBES = 5
"""With 12 bits per id, five probes let 1 in 250 strangers through."""


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids as two halves of 128 bits, and per id the inbox row that owns it and its event time (microseconds)."""

    high: Unsigned
    low: Unsigned
    owner: Whole
    at: Whole

    def __len__(self) -> int:
        return len(self.high)

    def take(self, order: NDArray[np.intp] | Mask) -> Ids:
        return Ids(self.high[order], self.low[order], self.owner[order], self.at[order])


class Run:
    """One file, mapped: the kernel keeps in memory what is used and drops the rest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.count, self._bits = (int(n) for n in np.frombuffer(self._map, np.int64, 2))
        start = 16 + self._bits // 8
        self._filter = np.frombuffer(self._map, np.uint8, self._bits // 8, 16)
        self._high = np.frombuffer(self._map, np.uint64, self.count, start)
        self._low = np.frombuffer(self._map, np.uint64, self.count, start + 8 * self.count)
        self._owner = np.frombuffer(self._map, np.int64, self.count, start + 16 * self.count)
        self._at = np.frombuffer(self._map, np.int64, self.count, start + 24 * self.count)

    def find(self, high: Unsigned, low: Unsigned) -> tuple[NDArray[np.intp], Whole, Whole]:
        """Which of these ids are in the run (their places in the question), with owner and event time."""
        asked = self._pass_filter(high, low)
        index = np.searchsorted(self._high, high[asked])
        found = np.full(len(asked), -1, np.int64)
        open_ = np.arange(len(asked))
        while len(open_):  # more than once only where two ids agree in their upper half
            open_ = open_[index[open_] < self.count]
            open_ = open_[self._high[index[open_]] == high[asked[open_]]]
            same = self._low[index[open_]] == low[asked[open_]]
            found[open_[same]] = index[open_[same]]
            open_ = open_[~same]
            index[open_] += 1
        hits = found >= 0
        places = found[hits]
        answer = asked[hits], self._owner[places], self._at[places]
        self._forget_pages()
        return answer

    def columns(self) -> Ids:
        return Ids(self._high, self._low, self._owner, self._at)

    def _pass_filter(self, high: Unsigned, low: Unsigned) -> NDArray[np.intp]:
        asked = np.arange(len(high))
        for probe in range(PROBES):
            bit = _probe(high[asked], low[asked], probe, self._bits)
            is_set = (self._filter[bit >> np.uint64(3)] >> (bit & np.uint64(7)).astype(np.uint8)) & 1
            asked = asked[is_set.astype(np.bool_)]
        return asked

    def _forget_pages(self) -> None:
        """Let go of the pages: they stay in the kernel's cache, but no longer count as ours."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def write_run(path: Path, ids: Ids) -> Run:
    """Write a run, durably; the ids are sorted here. None may occur twice."""
    return _write(path, [ids])


def merge_runs(path: Path, runs: Iterable[Run]) -> Run:
    """Write one run that holds what these hold."""
    return _write(path, [run.columns() for run in runs])


def _write(path: Path, parts: list[Ids]) -> Run:
    high = np.concatenate([part.high for part in parts])
    low = np.concatenate([part.low for part in parts])
    order = np.argsort(high, kind="stable")
    bits = -(-len(high) * BITS_PER_ID // 64) * 64
    with path.open("wb") as file:
        file.write(np.array([len(high), bits], np.int64).tobytes())
        file.write(_filter(high, low, bits).tobytes())
        file.write(high[order].tobytes())
        file.write(low[order].tobytes())
        del high, low
        for name in ("owner", "at"):  # one column at a time: a merge needs little memory
            file.write(np.concatenate([getattr(part, name) for part in parts])[order].tobytes())
        file.flush()
        os.fsync(file.fileno())
    return Run(path)


def _filter(high: Unsigned, low: Unsigned, bits: int) -> NDArray[np.uint8]:
    is_set = np.zeros(bits, np.bool_)
    for probe in range(PROBES):
        is_set[_probe(high, low, probe, bits)] = True
    return np.packbits(is_set, bitorder="little")


def _probe(high: Unsigned, low: Unsigned, number: int, bits: int) -> Unsigned:
    with np.errstate(over="ignore"):
        return (low + np.uint64(number) * (high | np.uint64(1))) % np.uint64(bits)
