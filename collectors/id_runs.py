"""Runs: immutable files of sorted 128-bit ids with what is known of each, and a filter that spares most look-ups.

A B-tree that takes ids in random order rewrites a page per id once it outgrows memory. Here a pass of the flusher
appends one sorted file, and files of like size are merged now and then (a log-structured merge tree, O'Neil et al.
1996), so that the cost per id hardly grows. Each file begins with a Bloom filter (Bloom 1970) whose bits for one id lie
in one word (register blocks, Lang et al. 2019). The upper bits of an id choose its word, so the words lie in the order
of the ids: sorted questions walk through the filter, and a merge writes it slice by slice, in little memory.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Unsigned = NDArray[np.uint64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

WORDS_PER_8_IDS = 3
PROBES = 5
"""With 24 bits of filter per id, five of them set, 1 in 300 strangers is let through."""

_SLICE = 2**18
_HEAD = 16
_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids as two halves of 128 bits, sorted by the upper one, and per id the inbox row that owns it and its event time
    (microseconds)."""

    high: Unsigned
    low: Unsigned
    owner: Whole
    at: Whole

    def __len__(self) -> int:
        return len(self.high)


@dataclass(frozen=True, slots=True)
class Asked:
    """Ids to look up, sorted by their upper half, and the bits that each sets in a word of a filter."""

    high: Unsigned
    low: Unsigned
    marks: Unsigned

    @classmethod
    def of(cls, high: Unsigned, low: Unsigned) -> Asked:
        return cls(high, low, _marks(low))


class Run:
    """One file, mapped: the kernel keeps in memory what is used and drops the rest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.count, self._words = (int(n) for n in np.frombuffer(self._map, np.int64, 2))
        self._filter = np.frombuffer(self._map, np.uint64, self._words, _HEAD)
        high, low, owner, at = _places(self.count, self._words)
        self._high, self._low = (np.frombuffer(self._map, np.uint64, self.count, place) for place in (high, low))
        self._owner, self._at = (np.frombuffer(self._map, np.int64, self.count, place) for place in (owner, at))

    def find(self, asked: Asked) -> tuple[NDArray[np.intp], Whole, Whole]:
        """Which of these ids are in the run (their places in the question), with owner and event time."""
        words = self._filter[_word(asked.high, self._words)]
        perhaps = np.flatnonzero((words & asked.marks) == asked.marks)
        index = np.searchsorted(self._high, asked.high[perhaps])
        found = np.full(len(perhaps), -1, np.int64)
        open_ = np.arange(len(perhaps))
        while len(open_):  # more than once only where two ids agree in their upper half
            open_ = open_[index[open_] < self.count]
            open_ = open_[self._high[index[open_]] == asked.high[perhaps[open_]]]
            same = self._low[index[open_]] == asked.low[perhaps[open_]]
            found[open_[same]] = index[open_[same]]
            open_ = open_[~same]
            index[open_] += 1
        hits = found >= 0
        places = found[hits]
        answer = perhaps[hits], self._owner[places], self._at[places]
        self._forget_pages()
        return answer

    def slices(self, borders: Unsigned) -> Iterator[Ids]:
        """The ids below the first border, then those from each border to the next."""
        ends = [*np.searchsorted(self._high, borders), self.count]
        start = 0
        for end in ends:
            yield Ids(self._high[start:end], self._low[start:end], self._owner[start:end], self._at[start:end])
            start = end
            self._forget_pages()

    def _forget_pages(self) -> None:
        """Let go of the pages: they stay in the kernel's cache, but no longer count as ours."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def write_run(path: Path, ids: Ids) -> Run:
    """Write a run, durably. None of the ids may occur twice."""
    return _write(path, len(ids), [ids])


def merge_runs(path: Path, runs: Sequence[Run]) -> Run:
    """Write one run that holds what these hold."""
    count = sum(run.count for run in runs)
    words, slices = _words(count), -(-count // _SLICE)
    first_words = [words * number // slices for number in range(1, slices)]
    borders = np.array([-(-(word << 32) // words) << 32 for word in first_words], np.uint64)  # no word in two slices
    return _write(path, count, map(_merged, zip(*(run.slices(borders) for run in runs), strict=True)))


def _merged(parts: Sequence[Ids]) -> Ids:
    order = np.argsort(np.concatenate([part.high for part in parts]), kind="stable")
    return Ids(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in Ids.__slots__))


def _write(path: Path, count: int, parts: Iterable[Ids]) -> Run:
    """Write sorted ids that come in slices, each with filter words of its own."""
    words, done = _words(count), 0
    places = _places(count, words)
    with path.open("wb") as file:
        file.truncate(places[-1] + 8 * count)
        file.write(np.array([count, words], np.int64).tobytes())
        for part in parts:
            if not len(part):
                continue
            first, bits = _filter(part, words)
            file.seek(_HEAD + 8 * first)
            file.write(bits.tobytes())
            for name, place in zip(Ids.__slots__, places, strict=True):
                file.seek(place + 8 * done)
                file.write(getattr(part, name).tobytes())
            done += len(part)
        file.flush()
        os.fsync(file.fileno())
    return Run(path)


def _words(count: int) -> int:
    return -(-count * WORDS_PER_8_IDS // 8)


def _places(count: int, words: int) -> list[int]:
    """Where in the file the columns begin."""
    return [_HEAD + 8 * words + 8 * count * number for number in range(4)]


def _filter(ids: Ids, words: int) -> tuple[int, Unsigned]:
    """The words from that of the first id to that of the last, and the number of the first."""
    word = _word(ids.high, words)
    starts = np.flatnonzero(np.diff(word, prepend=-1))
    filled = np.zeros(word[-1] - word[0] + 1, np.uint64)
    filled[word[starts] - word[0]] = np.bitwise_or.reduceat(_marks(ids.low), starts)
    return int(word[0]), filled


def _word(high: Unsigned, words: int) -> Whole:
    """Which word of a filter each id has: its upper 32 bits, scaled."""
    return ((high >> _HALF) * np.uint64(words) >> _HALF).astype(np.int64)


def _marks(low: Unsigned) -> Unsigned:
    """The bits that each id sets in its word."""
    marks = np.zeros(len(low), np.uint64)
    for probe in range(PROBES):
        marks |= np.uint64(1) << (low >> np.uint64(6 * probe) & np.uint64(63))
    return marks
