"""Batches on disk while the collector can't be reached: one file each, sent in order, kept over a restart."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from collectors.client.batches import Batch, Kind

if sys.platform != "win32":
    import fcntl

SUFFIX = ".batch"
PARTIAL = ".partial"
ABANDONED_SECONDS = 300.0
"""A file that was being written this long ago belongs to a process that was killed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A spooled batch as its file name tells it: `{nanoseconds}-{kind}-{records}-{key}.batch`."""

    path: Path
    kind: Kind
    records: int
    key: str
    bytes: int


class Spool:
    """A folder of batches. Several processes may share it: each file is locked while one of them sends it.

    Used by one thread of a process at a time.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._max_bytes = folder, max_bytes
        self._last_name = 0
        self._claimed: tuple[Entry, BinaryIO] | None = None
        self._entries: deque[Entry] = deque()
        remove_abandoned(folder, time.time())
        self.refresh()

    def __bool__(self) -> bool:
        return bool(self._entries)

    @property
    def records(self) -> int:
        return sum(entry.records for entry in list(self._entries))

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self._entries)

    def refresh(self) -> None:
        """Look at the folder again; files that other, perhaps dead, processes left are found."""
        found = (read_entry(path) for path in sorted(self._folder.glob(f"*{SUFFIX}")))
        self._entries = deque(entry for entry in found if entry is not None)

    def append(self, batch: Batch) -> int:
        """Store a batch behind the others; returns how many older records had to go to stay below the cap.

        Raises OSError when the disk does not take it.
        """
        dropped = 0
        while self._entries and self.bytes + len(batch.body) > self._max_bytes:
            dropped += self._drop_oldest()
        # Strictly rising, also where the clock is coarse or steps back: the names are the order.
        self._last_name = max(self._last_name + 1, time.time_ns())
        path = self._folder / f"{self._last_name:020d}-{batch.kind}-{batch.records}-{batch.key}{SUFFIX}"
        partial = path.with_suffix(PARTIAL)
        with partial.open("wb") as file:
            file.write(batch.body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        self._entries.append(Entry(path, batch.kind, batch.records, batch.key, len(batch.body)))
        return dropped

    def claim(self) -> Batch | None:
        """The oldest batch that no other process is sending, locked until `release`; None when there is none."""
        self.release()
        while self._entries:
            entry = self._entries[0]
            try:
                file = entry.path.open("rb")
            except FileNotFoundError:
                self._entries.popleft()
                continue
            if lock(file.fileno()):
                self._claimed = (entry, file)
                return Batch(entry.kind, entry.records, file.read(), entry.key)
            # Another process has sent it or is sending it now; if that one dies, `refresh` finds the file again.
            file.close()
            self._entries.popleft()
        return None

    def release(self, *, settled: bool = False) -> None:
        """Give the claimed batch back, or forget it because the collector has settled it."""
        if self._claimed is None:
            return
        (entry, file), self._claimed = self._claimed, None
        if settled:
            entry.path.unlink(missing_ok=True)
            if self._entries and self._entries[0] is entry:
                self._entries.popleft()
        file.close()
        if not self._entries:
            self.refresh()

    def let_go_in_child(self) -> None:
        """After a fork, in the child: the lock on the claimed file lasts as long as any process has it open."""
        if self._claimed is not None:
            self._claimed[1].close()

    def _drop_oldest(self) -> int:
        entry = self._entries.popleft()
        entry.path.unlink(missing_ok=True)
        return entry.records


def remove_abandoned(folder: Path, now: float) -> None:
    """Remove what killed processes have half written: nobody else would, and it counts against no bound."""
    for path in folder.glob(f"*{PARTIAL}"):
        with contextlib.suppress(OSError):  # it was just finished, or is somebody else's to remove
            if now - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


def read_entry(path: Path) -> Entry | None:
    """The entry behind a file name; None for a file that is not ours or is gone."""
    try:
        _, kind, records, key = path.stem.split("-", 3)
        return Entry(path, Kind(kind), int(records), key, path.stat().st_size)
    except (ValueError, OSError):
        return None


def lock(descriptor: int) -> bool:
    """Whether this process now holds the file, and the file is still there."""
    if sys.platform == "win32":  # two processes may send the same file; its key makes the collector store it once
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return os.fstat(descriptor).st_nlink > 0
