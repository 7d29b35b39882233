"""TFRecord files: frames of bytes, each with its length and the masked CRC-32C of both.

A frame is: length (8 bytes, little-endian), checksum of these 8 bytes, the data, checksum of the data; checksums are 4
bytes, little-endian. Source: tensorflow/tensorflow, tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import google_crc32c

from collectors.formats.gathering import Broken

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_QUOTED = 4096  # of the rest of a file that can't be read, this much goes to quarantine


def masked_crc(data: bytes) -> int:
    """The checksum as TFRecord writes it: CRC-32C turned by 15 bits, plus a constant."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def starts_with_frame(body: bytes) -> bool:
    """Whether the first 12 bytes are a length and its checksum: one in four billion other bodies is mistaken for it."""
    return len(body) >= _HEAD.size and masked_crc(body[:8]) == _FOOT.unpack_from(body, 8)[0]


def read_frames(body: bytes) -> Iterator[bytes | Broken]:
    """The data of every frame. A damaged frame is broken; behind a damaged length nothing can be found any more."""
    start = 0
    while start < len(body):
        rest = body[start : start + _QUOTED]
        if len(body) - start < _HEAD.size:
            yield Broken(f"the file ends inside the frame at byte {start}", rest)
            return
        length, checksum = _HEAD.unpack_from(body, start)
        if masked_crc(body[start : start + 8]) != checksum:
            yield Broken(f"the length of the frame at byte {start} is damaged; the rest can't be read", rest)
            return
        data = start + _HEAD.size
        end = data + length + _FOOT.size
        if end > len(body):
            yield Broken(f"the file ends inside the frame at byte {start}, which has {length} bytes", rest)
            return
        frame = body[data : data + length]
        damaged = masked_crc(frame) != _FOOT.unpack_from(body, data + length)[0]
        yield Broken(f"the frame at byte {start} is damaged: its checksum is wrong", rest) if damaged else frame
        start = end


def write_frame(data: bytes) -> bytes:
    """The data as one frame."""
    length = struct.pack("<Q", len(data))
    return length + _FOOT.pack(masked_crc(length)) + data + _FOOT.pack(masked_crc(data))
