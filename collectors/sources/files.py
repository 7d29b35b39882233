"""Files on this machine: logs that grow and rotate, and files that come whole.

Every look compares what is there with what was read. A line is taken once its end is there; tables and other files that
can only be read whole, once they have not changed for `complete_seconds`.
"""

from __future__ import annotations

import glob
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import Field

from collectors.sources.files_seen import Book, ReadAt, Seen, inode_of, is_rotated_name
from collectors.sources.pieces import PIECE_BYTES, is_whole, unpacked, whole_lines
from collectors.sources.registry import Options, Piece, SourceContext

log = logging.getLogger(__name__)

_HEAD = 64 * 1024
_TEMPORARY = (".tmp", ".part", ".swp", ".crc", "~")


class FilesOptions(Options):
    """Settings of a file source."""

    path: str | list[str] = Field(description="File, folder (with all below it) or pattern such as /logs/**/*.jsonl.")
    complete_seconds: float = Field(
        5, ge=0, description="How long a file that is read whole, or a line without its end, must be unchanged."
    )
    max_file_bytes: int = Field(2**30, ge=1024, description="Largest file read whole; larger ones are left out.")


@dataclass(frozen=True, slots=True)
class _Found:
    """A file as a look finds it; `modified` in nanoseconds. `name` is set where it was rotated: the one it had."""

    path: str
    inode: str
    size: int
    modified: int
    name: str = ""

    @property
    def mark(self) -> tuple[int, int]:
        return self.size, self.modified


class FilesSource:
    """The files of one setting, oldest first; schema files (BentoML's) before data files."""

    poll_seconds = 1.0

    def __init__(self, context: SourceContext) -> None:
        options: FilesOptions = FilesOptions.of(context)
        self._options = options
        paths = [options.path] if isinstance(options.path, str) else options.path
        self._patterns = [os.path.normpath(path) for path in paths]
        self._context = context
        self._warned: set[str] = set()

    def read(self, position: object) -> Iterator[Piece]:
        book = Book.of(position)
        for found in self._look(book):
            try:
                yield from self._read_file(book, found)
            except _RotatedMeanwhile:
                break  # what comes after it is younger; the next look finds it under its other name
            except OSError as error:
                if self._is_old(found):  # else it is being packed
                    self._warn(found.path, f"can't be read: {error.strerror or error}")
        if book.changed:
            yield Piece(b"", book.position())

    def done(self, position: object) -> None:
        pass

    def close(self) -> None:
        pass

    def _look(self, book: Book) -> list[_Found]:
        """Every file to read, in order: what was rotated away first, whose lines are the older ones."""
        named = {found.inode: found for found in self._named()}
        names = {found.path for found in named.values() if found.inode not in book.files}
        names |= {each for each in self._patterns if not glob.has_magic(each)} - {each.path for each in named.values()}
        missed = {found.inode: found for name in sorted(names) for found in self._missed(book, name, named)}
        older = [found for inode in [*book.files] if inode not in named for found in self._rotated(book, inode)]
        return [*older, *sorted(missed.values(), key=_order), *sorted(named.values(), key=_order)]

    def _named(self) -> Iterator[_Found]:
        for pattern in self._patterns:
            paths = [str(each) for each in Path(pattern).rglob("*")] if Path(pattern).is_dir() else _matching(pattern)
            for path in paths:
                if not Path(path).name.startswith(".") and not path.endswith(_TEMPORARY):
                    yield from _stat(path)

    def _rotated(self, book: Book, inode: str) -> list[_Found]:
        """Where a file that left its name has gone: beside it under another name, or packed; else it is forgotten."""
        seen = book.files[inode]
        beside = _beside(seen.path)
        here = [found for found in beside if found.inode == inode]
        if here and not (seen.ended == here[0].mark and self._is_old(here[0])):
            return here
        book.forget(inode)
        return [] if here else self._copies(seen, [found for found in beside if found.path.endswith(".gz")])

    def _missed(self, book: Book, name: str, named: Mapping[str, _Found]) -> list[_Found]:
        """Logs that had this name after the last one that was read, and were rotated away before any look saw them."""
        known = book.of_name(name)
        if not known:
            return []
        latest, marks = max(each.modified for each in known), {each.ended for each in known}
        return [
            replace(found, name=name)
            for found in _beside(name)
            if is_rotated_name(found.path, name)
            and found.inode not in {*named, *book.files}
            and found.modified >= latest
            and found.mark not in marks
        ]

    def _copies(self, seen: Seen, among: list[_Found]) -> list[_Found]:
        """The files with the content that was read of this one: they may hold more of it."""
        copies = []
        for found in among if seen.offset else []:
            with suppress(OSError), self._content(found) as (read_at, size):
                if seen.agrees(read_at, size):
                    copies.append(found)
        return copies

    def _read_file(self, book: Book, found: _Found) -> Iterator[Piece]:
        seen = book.files.get(found.inode)
        if seen is not None and seen.ended == found.mark:
            return
        with self._content(found) as (read_at, size):
            if seen is not None and not seen.agrees(read_at, size):  # truncated or rewritten; perhaps copied before
                book.forget(found.inode)
                beside = [each for each in _beside(found.path) if each.inode not in {found.inode, *book.files}]
                copies = [*self._copies(seen, beside), *self._missed(book, seen.name, {found.inode: found})]
                for copy in sorted({each.inode: each for each in copies}.values(), key=_order):
                    yield from self._read_file(book, replace(copy, name=seen.name))
                seen = None
            if seen is None:
                seen = book.files[found.inode] = self._new(book, found, read_at, size)
            seen.path, seen.modified = found.path, found.modified
            yield from self._pieces(book, seen, found, read_at, size)

    def _new(self, book: Book, found: _Found, read_at: ReadAt, size: int) -> Seen:
        known = book.recognise(found.path, read_at, size)
        seen = Seen(found.path, found.name or found.path)
        book.changed = True
        if known is not None:
            seen.log_format, seen.whole = known.log_format, known.whole
            seen.advance(read_at, known.offset)
        return seen

    def _pieces(self, book: Book, seen: Seen, found: _Found, read_at: ReadAt, size: int) -> Iterator[Piece]:
        ended = self._is_old(found)
        if not seen.log_format and size:
            head = read_at(0, _HEAD)
            if b"\n" not in head and size < _HEAD and not ended:
                return
            seen.log_format = self._context.format_of(head[: head.rfind(b"\n") + 1] or head, found.path)
            seen.whole = is_whole(head, seen.log_format)
        at = datetime.fromtimestamp(found.modified / 1e9, UTC)
        for body, through in (self._whole if seen.whole else self._lines)(seen, found, read_at, size, ended):
            seen.advance(read_at, through)
            seen.ended = found.mark if through >= size else None
            yield Piece(body, book.position(), path=found.path, at=at, log_format=seen.log_format)
        if seen.offset >= size and seen.ended != found.mark:
            seen.ended, book.changed = found.mark, True

    def _lines(self, seen: Seen, found: _Found, read_at: ReadAt, size: int, ended: bool) -> Iterator[tuple[bytes, int]]:
        offset, want = seen.offset, PIECE_BYTES
        while offset < size:
            content = read_at(offset, min(want, size - offset))
            end = whole_lines(content, ended and offset + len(content) >= size)
            if not end and len(content) >= self._context.limits.max_body_bytes:
                end = len(content)  # no line is that long: what this is, the format says
            if end:
                offset, want = offset + end, PIECE_BYTES
                yield content[:end], offset
            elif offset + len(content) >= size:
                return
            else:
                want *= 4

    def _whole(self, seen: Seen, found: _Found, read_at: ReadAt, size: int, ended: bool) -> Iterator[tuple[bytes, int]]:
        most = self._options.max_file_bytes
        if size > most:
            self._warn(found.path, f"is left out: it has {size} bytes; accepted: up to max_file_bytes = {most}")
        elif ended and seen.offset < size:
            body = read_at(seen.offset, size - seen.offset)
            if seen.offset and seen.log_format == "csv":  # rows were added: they need the header
                header = read_at(0, _HEAD)
                body = header[: header.find(b"\n") + 1] + body
            yield body, size

    @contextmanager
    def _content(self, found: _Found) -> Iterator[tuple[ReadAt, int]]:
        """The bytes of a file, unpacked, and how many there are. Raises OSError when another file has its name now."""
        most = self._options.max_file_bytes
        with _opened(found.path) as file:
            if inode_of(os.fstat(file.fileno())) != found.inode:
                raise _RotatedMeanwhile
            if not found.path.endswith(".gz"):
                yield (lambda offset, count: os.pread(file.fileno(), count, offset)), found.size
                return
            if found.size > most:
                raise OSError(f"it has {found.size} bytes; accepted: up to max_file_bytes = {most}")
            plain = unpacked(file.read(), most)
        yield (lambda offset, count: plain[offset : offset + count]), len(plain)

    def _is_old(self, found: _Found) -> bool:
        return self._context.clock().timestamp() - found.modified / 1e9 >= self._options.complete_seconds

    def _warn(self, path: str, trouble: str) -> None:
        if path not in self._warned:
            self._warned.add(path)
            log.warning("source %r: file %s %s", self._context.name, path, trouble)


class _RotatedMeanwhile(OSError):
    """Since the look, a file was renamed or removed."""


def _opened(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise _RotatedMeanwhile from None


def _matching(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True) if glob.has_magic(pattern) else [pattern]


def _stat(path: str) -> Iterator[_Found]:
    try:
        found = os.stat(path)
    except OSError:
        return
    if stat.S_ISREG(found.st_mode):
        yield _Found(path, inode_of(found), found.st_size, found.st_mtime_ns)


def _beside(path: str) -> list[_Found]:
    """The files in the folder of this one, itself among them."""
    try:
        folder = Path(path).parent
        return [found for name in os.listdir(folder) for found in _stat(str(folder / name))]
    except OSError:
        return []


def _order(found: _Found) -> tuple[bool, int, str]:
    return "schema" not in Path(found.path).parts, found.modified, found.path
