"""Reading a request body piece by piece, so that no sender can make the collector hold more than its limit."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

_GZIP = 16 + zlib.MAX_WBITS
_DRAIN_FACTOR = 4
ENCODINGS = ("identity", "gzip", "x-gzip")


class BodyTooLarge(Exception):
    """The body, or what it unpacks to, is larger than the limit."""


class BadEncoding(Exception):
    """The body is not what its Content-Encoding says."""


async def read_body(stream: AsyncIterator[bytes], encoding: str, most_bytes: int) -> bytes:
    """The whole body, unpacked. Raises BodyTooLarge or BadEncoding.

    A body over the limit is read on, and thrown away, for a while: a sender that is still writing would not see the
    answer if the connection were closed at once.
    """
    reader: _Plain | _Gunzip = _Plain(most_bytes) if encoding == "identity" else _Gunzip(most_bytes)
    try:
        async for piece in stream:
            reader.add(piece)
        return reader.finish()
    except BodyTooLarge:
        await drain(stream, most_bytes)
        raise


async def drain(stream: AsyncIterator[bytes], most_bytes: int) -> None:
    """Read and throw away, up to a few times the limit."""
    thrown_away = 0
    async for piece in stream:
        thrown_away += len(piece)
        if thrown_away > _DRAIN_FACTOR * most_bytes:
            return


class _Plain:
    def __init__(self, most_bytes: int) -> None:
        self._pieces: list[bytes] = []
        self._room = most_bytes

    def add(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            self._pieces.clear()
            raise BodyTooLarge
        self._pieces.append(piece)

    def finish(self) -> bytes:
        return b"".join(self._pieces) if len(self._pieces) != 1 else self._pieces[0]


class _Gunzip:
    """Unpacks as the pieces come, never more than one byte beyond the limit. A body may have several members."""

    def __init__(self, most_bytes: int) -> None:
        self._plain = _Plain(most_bytes)
        self._left = most_bytes
        self._member: zlib._Decompress | None = None

    def add(self, piece: bytes) -> None:
        while piece:
            if self._member is None:
                self._member = zlib.decompressobj(_GZIP)
            try:
                unpacked = self._member.decompress(piece, self._left + 1)
            except zlib.error as error:
                raise BadEncoding(f"the body is not gzip: {error}") from None
            self._left -= len(unpacked)
            self._plain.add(unpacked)
            if self._member.eof:
                piece, self._member = self._member.unused_data, None
            else:
                piece = self._member.unconsumed_tail

    def finish(self) -> bytes:
        if self._member is not None:
            raise BadEncoding("the body is not whole gzip: it ends in the middle")
        return self._plain.finish()
