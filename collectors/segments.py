"""Large payloads beside the inbox: appended to plain files, and dropped file by file.

SQLite writes a large value twice, to its log and to its pages, and has to free these one by one afterwards. Here the
bytes are written once and are durable before the row that names them is committed; a crash in between leaves bytes that
no row names. A file goes when its writer is done with it and no row names it any more.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows, where a file that is open can't be removed anyhow
    lock: Callable[[int, bool], None] | None = None
else:

    def lock(file: int, exclusively: bool) -> None:
        """Lock the file until it is closed. Raises OSError when another process has it."""
        fcntl.flock(file, (fcntl.LOCK_EX if exclusively else fcntl.LOCK_SH) | fcntl.LOCK_NB)


SMALLEST = 32 * 2**10
"""Payloads from here on, in bytes, are kept in segments."""

_ROLL_BYTES = 32 * 2**20
_SUFFIX = ".seg"


class SegmentWriter:
    """Appends payloads to files of its own in the folder. One thread uses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = -1
        self._name = ""
        self._size = 0

    def append(self, payloads: Sequence[bytes]) -> list[tuple[str, int]]:
        """Write the payloads, durably; gives the segment and offset of each. Raises OSError when the disk is full.

        A file is only left between two calls, so all that is in it by then has been named in a commit.
        """
        if self._file < 0 or self._size >= _ROLL_BYTES:
            self._roll()
        places = []
        try:
            for payload in payloads:
                places.append((self._name, self._size))
                self._write(payload)
            os.fdatasync(self._file)
        except OSError:
            self.close()  # where it broke off is not known for sure: the next payload begins a new file
            raise
        return places

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, payload: bytes) -> None:
        rest = memoryview(payload)
        while rest:
            written = os.write(self._file, rest)
            rest, self._size = rest[written:], self._size + written

    def _roll(self) -> None:
        self.close()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._name, self._size = uuid.uuid4().hex, 0
        path = _path(self._folder, self._name)
        young = path.with_suffix(".new")  # not a segment before it is locked: a sweep would find it unused
        self._file = os.open(young, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        if lock is not None:
            lock(self._file, True)
        young.rename(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_payload(folder: Path, segment: str, offset: int, length: int) -> bytes:
    """The payload at a place. Raises OSError when it is not there as a whole."""
    with _path(folder, segment).open("rb") as file:
        payload = os.pread(file.fileno(), length, offset)
    if len(payload) != length:
        raise OSError(f"segment {segment} ends {length - len(payload)} bytes before a payload does")
    return payload


def bytes_in(folder: Path) -> int:
    """Bytes of all segments of the folder."""
    return sum(_size(path) for path in folder.glob(f"*{_SUFFIX}"))


def sweep(folder: Path, named: Callable[[], set[str]]) -> int:
    """Remove the segments that nobody writes to and no row names. `named` is asked after the first is certain."""
    left = [path for path in folder.glob(f"*{_SUFFIX}") if not _is_written_to(path)]
    if not left:
        return 0
    names = named()
    gone = [path for path in left if path.stem not in names]
    for path in gone:
        with suppress(OSError):
            path.unlink()
    return len(gone)


def _is_written_to(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            if lock is not None:
                lock(file.fileno(), False)
    except OSError:  # held by its writer, or gone meanwhile
        return True
    return False


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}{_SUFFIX}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
