"""What a file source remembers of the files it has read, so that each of their lines is read once.

A file is its inode as long as its content agrees: a digest of its first bytes and one of the last bytes that were read.
So a rename is no new file, a truncated or rewritten one is, and a copy of what was read (copytruncate, gzip) is known
by its content wherever it turns up.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import msgspec

EDGE = 256
"""How many bytes at the beginning, and before the place reading has come to, tell a file from others."""

_LEAST_CONTENT = 64  # fewer bytes may well be the same in two files
_MOST_PAST = 1000

ReadAt = Callable[[int, int], bytes]
"""(offset, how many) → bytes of a file; fewer at its end."""


class Seen(msgspec.Struct, omit_defaults=True):
    """One file: where it was, how far it is read, and what it is recognised by.

    `name` is the path it had before it was rotated; `modified` (nanoseconds) when it was changed last, as far as known.
    `offset` counts its bytes, unpacked where it is compressed. `log_format` is "" until a first piece told it. `ended`
    is its (size, time of change) when it was read to the end: while these are the same, there is nothing to do.
    """

    path: str
    name: str = ""
    modified: int = 0
    offset: int = 0
    ended: tuple[int, int] | None = None
    head_bytes: int = 0
    head: str = ""
    tail: str = ""
    log_format: str = ""
    whole: bool = False

    def agrees(self, read_at: ReadAt, size: int) -> bool:
        """Whether this content begins with what was read of the file."""
        if not 0 < self.offset <= size:
            return self.offset == 0
        edge = min(EDGE, self.offset)
        return (
            _digest(read_at(0, self.head_bytes)) == self.head
            and _digest(read_at(self.offset - edge, edge)) == self.tail
        )

    def advance(self, read_at: ReadAt, offset: int) -> None:
        """Note that the file is read up to here."""
        self.offset = offset
        self.head_bytes, edge = min(EDGE, offset), min(EDGE, offset)
        self.head = _digest(read_at(0, self.head_bytes))
        self.tail = _digest(read_at(offset - edge, edge))


@dataclass(slots=True)
class Book:
    """All files of one source by inode, and the content of those that are gone (the latest thousand).

    `changed` since it was written down last.
    """

    files: dict[str, Seen] = field(default_factory=dict)
    past: list[Seen] = field(default_factory=list)
    changed: bool = False

    @classmethod
    def of(cls, position: Any) -> Book:
        return msgspec.convert(position or {}, cls)

    def position(self) -> Any:
        """The book as JSON types."""
        self.changed = False
        return {"files": msgspec.to_builtins(self.files), "past": msgspec.to_builtins(self.past)}

    def forget(self, inode: str) -> None:
        """The file is gone, or no longer what it was; its content may turn up elsewhere."""
        seen = self.files.pop(inode)
        self.changed = True
        if seen.offset:
            self.past = [*self.past, seen][-_MOST_PAST:]

    def of_name(self, name: str) -> list[Seen]:
        """The files that have or had this name."""
        return [each for each in [*self.files.values(), *self.past] if each.name == name]

    def recognise(self, path: str, read_at: ReadAt, size: int) -> Seen | None:
        """The file that this new one is a copy of, or has the content of, if there is one that was read."""
        known = [*reversed(self.past), *(each for each in self.files.values() if _is_copy_of(path, each.path))]
        for each in known:
            if each.offset >= _LEAST_CONTENT and each.agrees(read_at, size):
                return each
        return None


def is_rotated_name(path: str, name: str) -> bool:
    """Whether this may be an older log of that name: `app.log.1` and `app.log-20260301.gz` of `app.log`."""
    return path.startswith((f"{name}.", f"{name}-"))


def inode_of(found: os.stat_result) -> str:
    return f"{found.st_dev}:{found.st_ino}"


def _is_copy_of(path: str, known: str) -> bool:
    """Whether a name says so: `app.log.1` and `app-20260301.log` are of `app.log`."""
    copy, original = PurePath(path), PurePath(known)
    stem = original.name.partition(".")[0]
    return bool(stem) and copy.parent == original.parent and copy.name != original.name and copy.name.startswith(stem)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
