"""The bytes of a body as a value: JSON, lines of JSON, JSON with binary tensors behind it, CSV, or plain text.

The declared content type is a hint only: KServe's agent copies the request's onto the response, and FastAPI is often
sent JSON as text/plain. So JSON is recognised by its first character.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from collectors.calls.sides import BodyUnreadable, check_rows
from collectors.calls.tensors import attach_binary
from collectors.formats.reading import said
from monitor.records import Scalar

JSON_LENGTH = "inference-header-content-length"
"""Header of the V2 binary tensor extension: how many bytes of the body are JSON."""

Line = TypeVar("Line")

LARGEST = 32 * 2**20
"""Most bytes that the gzip of one body may unpack to."""

_GZIP = b"\x1f\x8b"
_LINES = ("jsonlines", "jsonl", "ndjson")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf|nan|NaN", re.ASCII)
_WORDS = (b"true", b"false", b"null")
_DECODER = msgspec.json.Decoder()


@dataclass(slots=True)
class Cells:
    """Lines of a CSV body: numbers where a cell spells one, None where it is empty, else text."""

    lines: list[list[Scalar]]


def read_body(body: bytes, headers: Mapping[str, str]) -> Any:
    """The value of a body: decoded JSON, Cells, or text. Raises BodyUnreadable. `headers` have lower-case names."""
    content_type = headers.get("content-type", "").lower()
    if body.startswith(_GZIP):
        body = _unpacked(body)
    if JSON_LENGTH in headers:
        return _with_binary(body, headers[JSON_LENGTH])
    start = body[:64].lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    if not start:
        raise BodyUnreadable("the body is empty")
    if "csv" in content_type and start not in (b"{", b"["):
        return Cells(_cells(_text(body)))
    if any(each in content_type for each in _LINES):
        return list(_at_most(read_json(line) for line in io.BytesIO(body) if line.strip()))
    if "json" not in content_type and start not in (b"{", b"[", b'"') and body.strip() not in _WORDS:
        return _cell(_text(body))
    return read_json(body)


def read_json(body: bytes) -> Any:
    """The JSON value, with the NaN and Infinity that Python writes. Raises BodyUnreadable."""
    try:
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass
    try:
        value = json.loads(body)
        msgspec.json.encode(value)  # finds halves of surrogate pairs, which can't be stored
    except RecursionError:
        raise BodyUnreadable("the body is not JSON: nested too deeply") from None
    except UnicodeEncodeError:
        raise BodyUnreadable("text holds half of a surrogate pair, which is not valid Unicode") from None
    except ValueError as error:
        lost = "; binary tensors can't be found without Inference-Header-Content-Length" if _is_binary(body) else ""
        raise BodyUnreadable(f"the body is not JSON: {said(error)}{lost}") from None
    return value


def csv_lines(lines: list[list[Scalar]], columns: tuple[str, ...]) -> tuple[tuple[str, ...], list[list[Scalar]]]:
    """The names of the columns and the lines below them; a first line of distinct words above numbers is a header.

    >>> csv_lines([["job", "age"], ["clerk", 39]], ())
    (('job', 'age'), [['clerk', 39]])
    >>> csv_lines([[5.1, "a"]], ("length", "kind"))
    (('length', 'kind'), [[5.1, 'a']])
    """
    first = lines[0] if lines else []
    words = [cell for cell in first if isinstance(cell, str)]
    if len(words) < len(first) or len(set(words)) < len(words) or not words:
        return columns, lines
    below = len(lines) > 1 and any(isinstance(cell, int | float) for cell in lines[1])
    return (tuple(words), lines[1:]) if tuple(words) == columns or below else (columns, lines)


def _unpacked(body: bytes) -> bytes:
    """A body as it was on the wire, from a logger that did not undo its Content-Encoding."""
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unpacking.decompress(body, LARGEST)
    except zlib.error as error:
        raise BodyUnreadable(f"the body is damaged gzip: {said(error)}") from None
    if not unpacking.eof:
        raise BodyUnreadable(f"the body is gzip that is cut off, or of more than {LARGEST} bytes")
    return plain


def _with_binary(body: bytes, length: str) -> Any:
    if not length.isascii() or not length.isdigit() or int(length[:12]) > len(body):
        raise BodyUnreadable(f"{JSON_LENGTH} is {length[:40]!r}; accepted: a number up to the body's {len(body)} bytes")
    sent = read_json(body[: int(length)])
    if isinstance(sent, dict):
        attach_binary(sent, memoryview(body)[int(length) :])
    return sent


def _cells(text: str) -> list[list[Scalar]]:
    try:
        lines = (line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line)
        return list(_at_most([_cell(cell) for cell in line] for line in lines))
    except csv.Error as error:
        raise BodyUnreadable(f"the body is not CSV: {said(error)}") from None


def _at_most(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, while they are no more than rows and a header may be."""
    for number, line in enumerate(lines):
        check_rows(number)
        yield line


def _cell(text: str) -> Scalar:
    text = text.strip()
    if not text or len(text) > 400 or not _NUMBER.fullmatch(text):
        return text or None
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BodyUnreadable(f"the body is not text: {said(error)}") from None


def _is_binary(body: bytes) -> bool:
    return body[:1] == b"{" and (b'"binary_data' in body[:65536] or b"\x00" in body)
