"""The index of prediction ids: which inbox row brought an id first, and when its prediction was made.

An id seen twice counts once: the first inbox row that claims it owns it for good, so a flush that is repeated after a
crash decides the same. Labels find the windows of their predictions here. The ids are in files of their own (see
`id_runs`); which files count is said in a small database beside the inbox, held exclusively: this is also the lock that
keeps two flushers from emptying one inbox.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_digest

from collectors.id_runs import Asked, Ids, Mask, Run, Unsigned, Whole, merge_runs, write_run
from collectors.inbox_file import connect, micros, transaction
from monitor.errors import Conflict, Unavailable

MEMORY = timedelta(days=90)
"""How long an id is remembered at least; after that a repeat of it counts again, and its label touches no window."""

_TOGETHER = 8
_LARGEST_RUN = 8_000_000
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS secret (value BLOB NOT NULL)",
    """CREATE TABLE IF NOT EXISTS runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, claimed_at INTEGER NOT NULL, collector_id TEXT NOT NULL
    )""",
)


class PredictionIds:
    """The index, open and held. Raises Conflict when another flusher holds it, Unavailable when it can't be used."""

    def __init__(self, path: Path, collector_id: str) -> None:
        self._folder = path.with_suffix("")
        self._collector_id = collector_id
        self._foreign: set[int] = set()
        self._runs: dict[int, Run] = {}
        try:
            self._connection = connect(path, exclusively=True, timeout=0.5)
            with transaction(self._connection):
                for statement in _SCHEMA:
                    self._connection.execute(statement)
                self._secret = self._own_secret()
            self._folder.mkdir(exist_ok=True)
            self._open_runs()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Conflict(f"another flusher works on {path} ({error}); one is allowed") from None
            raise Unavailable(f"the index of prediction ids {path} can't be used: {error}") from None

    def _own_secret(self) -> bytes:
        """What makes the digests of this index its own, so that nobody can choose ids that have one in common."""
        kept = self._connection.execute("SELECT value FROM secret").fetchone()
        if kept is None:
            kept = (os.urandom(32),)
            self._connection.execute("INSERT INTO secret VALUES (?)", kept)
        secret: bytes = kept[0]
        return secret

    def _open_runs(self) -> None:
        counted = dict(self._connection.execute("SELECT id, collector_id FROM runs"))
        # Row numbers mean something only within one inbox: those of an earlier inbox own nothing any more.
        self._foreign = {number for number, owner in counted.items() if owner != self._collector_id}
        for path in self._folder.glob("*.run"):
            if int(path.stem) not in counted:
                path.unlink()  # a crash came before it counted
        self._runs = {number: Run(self._path(number)) for number in sorted(counted)}

    def claim(self, model: str, prediction_ids: Sequence[str], rows: Whole, event_times: Whole, now: datetime) -> Mask:
        """For each prediction id, which `rows` brought in ascending order: whether that row owns it, by this or an
        earlier call. Within one row the first record does. `event_times` are microseconds since 1970."""
        high, low = digests(model, prediction_ids, self._secret)
        first = _first(high, low)
        owners = self._find(Asked.of(high[first], low[first]))[0]
        new = first[owners < 0]
        if len(new):
            self._add(Ids(high[new], low[new], rows[new], event_times[new]), now)
        owns = np.zeros(len(high), np.bool_)
        owns[first] = (owners < 0) | (owners == rows[first])
        return owns

    def moments(self, model: str, prediction_ids: Sequence[str]) -> Whole:
        """Event times, in microseconds, of those of the predictions that are known."""
        high, low = digests(model, prediction_ids, self._secret)
        order = np.argsort(high)
        owners, at = self._find(Asked.of(high[order], low[order]))
        return at[owners >= 0]

    def _find(self, asked: Asked) -> tuple[Whole, Whole]:
        """Owner (-1 where unknown) and event time of each id."""
        owners, at = np.full(len(asked.high), -1, np.int64), np.zeros(len(asked.high), np.int64)
        for number, run in self._runs.items():
            places, found, times = run.find(asked)
            owners[places], at[places] = (0 if number in self._foreign else found), times
        return owners, at

    def _add(self, ids: Ids, now: datetime) -> None:
        with transaction(self._connection):
            number = self._next_run(micros(now), self._collector_id)
            run = write_run(self._path(number), ids)
        self._runs[number] = run
        while together := self._alike():
            self._merge(together)

    def _alike(self) -> list[int]:
        """Enough runs of like size to be merged into one, or none."""
        tiers: dict[tuple[bool, int], list[int]] = {}
        for number, run in self._runs.items():
            tier = int(math.log(run.count, _TOGETHER))
            tiers.setdefault((number in self._foreign, tier), []).append(number)
        for numbers in tiers.values():
            if len(numbers) >= _TOGETHER and sum(self._runs[number].count for number in numbers) <= _LARGEST_RUN:
                return numbers
        return []

    def _merge(self, numbers: Sequence[int]) -> None:
        marks = ",".join("?" * len(numbers))
        with transaction(self._connection):
            latest, owner = self._connection.execute(
                f"SELECT max(claimed_at), min(collector_id) FROM runs WHERE id IN ({marks})", numbers
            ).fetchone()
            number = self._next_run(latest, owner)
            merged = merge_runs(self._path(number), [self._runs[each] for each in numbers])
            self._connection.execute(f"DELETE FROM runs WHERE id IN ({marks})", numbers)
        if not self._foreign.isdisjoint(numbers):
            self._foreign.add(number)
        self._drop(numbers)
        self._runs[number] = merged

    def _next_run(self, claimed_at: int, owner: str) -> int:
        number = self._connection.execute(
            "INSERT INTO runs (claimed_at, collector_id) VALUES (?, ?)", (claimed_at, owner)
        ).lastrowid
        assert number is not None
        return number

    def _drop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            del self._runs[number]
            self._path(number).unlink(missing_ok=True)

    def forget_old(self, now: datetime) -> None:
        """Forget the runs all of whose ids were claimed longer than MEMORY ago."""
        with transaction(self._connection):
            old = self._connection.execute(
                "DELETE FROM runs WHERE claimed_at < ? RETURNING id", (micros(now - MEMORY),)
            ).fetchall()
        self._drop([number for (number,) in old])

    def close(self) -> None:
        self._runs.clear()
        self._connection.close()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.run"


def _first(high: Unsigned, low: Unsigned) -> NDArray[np.intp]:
    """The places at which an id occurs for the first time, in the order of the ids."""
    order = np.argsort(high, kind="stable")
    alike = high[order[1:]] == high[order[:-1]]
    if (alike & (low[order[1:]] != low[order[:-1]])).any():  # two ids agree in their upper half: look at both
        order = np.lexsort((low, high))
        alike = (high[order[1:]] == high[order[:-1]]) & (low[order[1:]] == low[order[:-1]])
    is_first = np.ones(len(high), np.bool_)
    is_first[1:] = ~alike
    return order[is_first]


def digests(model: str, prediction_ids: Sequence[str], secret: bytes) -> tuple[Unsigned, Unsigned]:
    """128 bits of model and prediction id, as upper and lower halves: XXH3, seeded by model and secret."""
    seed = int.from_bytes(blake2b(model.encode(), digest_size=8, key=secret).digest())
    digests = [xxh3_128_digest(each.encode(), seed) for each in prediction_ids]
    halves = np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)
    return np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1])
