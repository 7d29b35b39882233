"""Cutting a long text into pieces of whole lines, and telling texts from files that can only be read whole."""

from __future__ import annotations

import gzip
import io
import json
import zlib

from collectors.formats.reading import begins_array

PIECE_BYTES = 2**20
"""Lines are taken about so many bytes at a time."""

_GZIP = b"\x1f\x8b"
_BEGINNINGS_OF_WHOLE = (b"PAR1", b"ARROW1")
WHOLE_FORMATS = ("csv", "parquet", "arrow")


def is_whole(head: bytes, log_format: str) -> bool:
    """Whether a file that begins like this has no lines that stand for themselves: a table, a JSON array, anything
    binary."""
    whole = log_format in WHOLE_FORMATS or head.startswith(_BEGINNINGS_OF_WHOLE) or b"\x00" in head[:1024]
    return whole or begins_array(head)


def whole_lines(content: bytes, ended: bool) -> int:
    """How many bytes of the content are whole lines. `ended`: nothing will be added, so the last line is whole if it
    is not the broken-off beginning of a JSON value."""
    end = content.rfind(b"\n") + 1
    if ended and end < len(content) and _is_complete(content[end:]):
        return len(content)
    return end


def _is_complete(line: bytes) -> bool:
    if not line.lstrip().startswith((b"{", b"[")):
        return True
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def unpacked(content: bytes, most: int) -> bytes:
    """The content without its gzip, if it has one. Raises OSError for a damaged one, and for more than `most` bytes."""
    if not content.startswith(_GZIP):
        return content
    try:
        with gzip.open(io.BytesIO(content)) as members:
            plain = members.read(most + 1)
    except (zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise OSError(f"it is not whole gzip: {error}") from None
    if len(plain) > most:
        raise OSError(f"it unpacks to more than the limit of {most} bytes")
    return plain
