"""Log formats: how bytes become wire records. Ours and third parties' enter through one door, the entry points.

A third party announces its format in its package's entry points, group `kedge.formats`; the value is an object or a
class without arguments that satisfies `LogFormat`. Formats are imported when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from collectors.wire import WireRecord
from monitor.lake import Kind
from monitor.plugins import LOG_FORMATS
from monitor.records import Refusal

WHOLE_BODY = -1
"""The index of a refusal that is about the body, not about one record of it."""


@dataclass(slots=True)
class Decoded:
    """A stretch of a body: the records that could be read, the place each had, and what could not be read."""

    records: list[WireRecord] = field(default_factory=list)
    places: list[int] | range = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


class LogFormat(Protocol):
    """One way to write predictions and labels down as bytes.

    `decode` never raises because of the bytes: what can't be read is a Refusal, with index WHOLE_BODY when it is
    the body, or the rest of it. It yields one stretch or several, each of records of one type. Numbers are finite
    except in `features`; the indexes of records and refusals count the records of the body from 0. `kind` says what is
    expected; a WirePrediction that carries nothing but an id and a label counts as a label. `example` is a small body
    with one readable prediction.
    """

    name: str
    media_types: tuple[str, ...]

    def sniff(self, head: bytes) -> bool: ...

    def decode(self, body: bytes, kind: Kind) -> Iterator[Decoded]: ...

    def example(self) -> bytes: ...


# The order in which ours are asked to recognise a body; a CSV reader would take almost anything for a header.
_FIRST = ("json", "parquet", "csv")


def format_names() -> list[str]:
    """Names of all formats, in the order in which they are asked to recognise a body."""
    names = LOG_FORMATS.names()
    return [name for name in _FIRST if name in names] + [name for name in names if name not in _FIRST]


@lru_cache
def find_format(name: str) -> LogFormat:
    """The format of this name. Raises ConfigError naming the formats there are."""
    found = LOG_FORMATS.load(name)
    made: LogFormat = found() if isinstance(found, type) else found
    return made


@lru_cache
def format_of_media_type(media_type: str) -> LogFormat | None:
    """The format that is sent under this Content-Type, or None."""
    return next((each for each in map(find_format, format_names()) if media_type in each.media_types), None)


def sniff_format(head: bytes) -> LogFormat | None:
    """The first format that recognises the beginning of a body, or None."""
    return next((each for each in map(find_format, format_names()) if each.sniff(head)), None)
