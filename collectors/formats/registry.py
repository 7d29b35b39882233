"""Log formats: how bytes become wire records. Ours and third parties' enter through one door, the entry points.

A third party announces its format in its package's entry points, group `kedge.formats`; the value is an object or a
class without arguments that satisfies `LogFormat`. Formats are imported when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from collectors.wire import DeclaredFeatures, Half, WireRecord
from monitor.config import NO_MAPPING, MappingSettings
from monitor.lake import Kind
from monitor.plugins import LOG_FORMATS
from monitor.records import Refusal

WHOLE_BODY = -1
"""The index of a refusal that is about the body, not about one record of it."""


@dataclass(frozen=True, slots=True)
class Log:
    """A body of bytes and what is known about it from elsewhere.

    `kind` is what the sender says it holds and `model` whose it is, where the body itself does not say. `headers` are
    those of its HTTP request or Kafka message, names in lower case. `path` is that of its file, object or request.
    `at` (UTC) is when it was received or last written, for records without a time. `mapping` names columns and units
    that the format leaves open; `mappings` are those of models by name, for a log that names its model itself. `memory`
    belongs to the source: what a format puts there (JSON types only) is in the next log of that source as well, also
    after a restart.
    """

    body: bytes
    kind: Kind = Kind.PREDICTIONS
    model: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    at: datetime | None = None
    mapping: MappingSettings = NO_MAPPING
    mappings: Mapping[str, MappingSettings] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)

    def mapping_of(self, model: str | None) -> MappingSettings:
        """The mapping of a model that the log itself names; else that of the log."""
        return self.mappings.get(model, self.mapping) if model else self.mapping


@dataclass(slots=True)
class Decoded:
    """A stretch of a body: what could be read, the place each record had, and what could not be read.

    `places` are those of `records`. `halves` wait for their other side. `skipped` counts what is readable but no
    prediction: a health check in an access log, a line that a server writes when it starts.
    """

    records: list[WireRecord] = field(default_factory=list)
    places: list[int] | range = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    halves: list[Half] = field(default_factory=list)
    half_places: list[int] = field(default_factory=list)
    skipped: int = 0
    declared: list[DeclaredFeatures] = field(default_factory=list)


class LogFormat(Protocol):
    """One way to write predictions and labels down as bytes.

    `decode` never raises because of the bytes: what can't be read is a Refusal, with index WHOLE_BODY when it is
    the body, or the rest of it. It yields one stretch or several, each of records of one type. Numbers are finite
    except in `features`; the places of records, halves and refusals count the records of the body from 0 (in a body
    that is one call of n rows, these rows). A WirePrediction that carries nothing but an id and a label counts as a
    label. `sniff` says whether the log is of this format and of no other, from its headers, path and first bytes.
    `example` is a small log with one readable prediction, or one half of it.
    """

    name: str
    title: str
    media_types: tuple[str, ...]

    def sniff(self, log: Log) -> bool: ...

    def decode(self, log: Log) -> Iterator[Decoded]: ...

    def example(self) -> Log: ...


# Asked last to recognise a body: these take any table or JSON, and a CSV reader takes almost anything for a header.
_LAST = ("arrow", "parquet", "mapped", "json", "csv")


@lru_cache
def format_names() -> tuple[str, ...]:
    """Names of all formats, in the order in which they are asked to recognise a body."""
    names = LOG_FORMATS.names()
    return (*(name for name in names if name not in _LAST), *(name for name in _LAST if name in names))


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


def sniff_format(log: Log) -> LogFormat | None:
    """The first format that recognises the log, or None."""
    return next((each for each in map(find_format, format_names()) if each.sniff(log)), None)
