"""Logs on this machine as `kedge ingest` reads them: files found in a folder, opened, and cut into pieces."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from collectors.formats import LogFormat
from monitor.errors import NotFound

PIECE_BYTES = 8 * 2**20
"""A log of lines is read about so many bytes at a time."""

_GZIP = b"\x1f\x8b"
_TEMPORARY = (".tmp", ".part", ".swp", ".crc", "~")


@dataclass(slots=True)
class OpenLog:
    """A log whose beginning is read. `size` in bytes as on disk, None where it is not known; `at`: last written."""

    path: str
    stream: IO[bytes]
    raw: IO[bytes]
    head: bytes
    size: int | None
    at: datetime

    @property
    def read_bytes(self) -> int:
        """How far the file on disk was read; for the progress bar."""
        return self.raw.tell() if self.size is not None else 0


def log_files(path: Path) -> list[Path]:
    """The file, or every file below the folder in the order of their names, but for hidden and temporary ones.

    Schemas (BentoML's) come first: they say what the columns of the data are.
    """
    if not path.is_dir():
        return [path]
    found = [each for each in path.rglob("*") if each.is_file() and _is_log(each.relative_to(path))]
    return sorted(found, key=lambda each: ("schema" not in each.parts, each))


def open_log(path: Path | None, now: datetime) -> OpenLog:
    """Open a log, or standard input; what is packed with gzip is unpacked. Raises NotFound when it can't be read."""
    try:
        raw: IO[bytes] = sys.stdin.buffer if path is None else path.open("rb")
        at = now if path is None else datetime.fromtimestamp(path.stat().st_mtime, UTC)
        size = None if path is None else path.stat().st_size
        head = raw.read(PIECE_BYTES)
        stream = raw
        if head.startswith(_GZIP) and path is not None:
            raw.seek(0)
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
            head = stream.read(PIECE_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from None
    return OpenLog("-" if path is None else str(path), stream, raw, head, size, at)


def pieces(log: OpenLog, by_lines: bool) -> Iterator[bytes]:
    """The log in pieces that end with a line, or whole. Raises NotFound when it breaks off while it is read."""
    try:
        if not by_lines:
            yield log.head + log.stream.read()
            return
        waiting, chunk = bytearray(), log.head
        while chunk:
            waiting += chunk
            end = waiting.rfind(b"\n", len(waiting) - len(chunk)) + 1
            if end:
                yield bytes(waiting[:end])
                del waiting[:end]
            chunk = log.stream.read(PIECE_BYTES)
        if waiting:
            yield bytes(waiting)
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(Path(log.path), error) from None


def goes_by_lines(log_format: LogFormat, head: bytes) -> bool:
    """Whether a log may be cut between any two lines: text that says so of itself, or one JSON object per line."""
    if getattr(log_format, "by_lines", False):
        return not head.lstrip().startswith(b"[")
    line, newline, rest = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    if not newline or not line.startswith(b"{") or rest.lstrip()[:1] not in (b"{", b""):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _is_log(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts) and not path.name.endswith(_TEMPORARY)


def _unreadable(path: Path | None, error: Exception) -> NotFound:
    why = getattr(error, "strerror", None) or str(error)
    return NotFound(f"file {str(path or '-')!r} can't be read: {why}")
