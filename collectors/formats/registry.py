"""Log formats: how bytes become wire records. Built-ins and third parties enter through one door, `register`.

A third party announces its format in its package's entry points, group `kedge.formats`; the value is an object or a
class without arguments that satisfies `LogFormat`. Formats are imported when they are first asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Protocol

from collectors.wire import WireRecord
from monitor.errors import Conflict, NotFound
from monitor.lake import Kind
from monitor.records import Refusal

ENTRY_POINTS = "kedge.formats"
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


log = logging.getLogger(__name__)
_loaders: dict[str, Callable[[], LogFormat]] = {}
_loaded: dict[str, LogFormat] = {}
_lock = threading.RLock()


def register(name: str, load: Callable[[], LogFormat]) -> None:
    """Add a format under its name; `load` is called on first use. Raises Conflict when the name is taken."""
    with _lock:
        if name in _loaders:
            raise Conflict(f"log format {name!r} is registered already")
        _loaders[name] = load


def format_names() -> list[str]:
    """Names of all formats, in the order in which they are asked to recognise a body."""
    _discover()
    return list(_loaders)


def find_format(name: str) -> LogFormat:
    """The format of this name. Raises NotFound naming the formats there are."""
    _discover()
    with _lock:
        if name not in _loaders:
            raise NotFound(f"log format {name!r} does not exist; accepted: {', '.join(_loaders)}")
        if name not in _loaded:
            _loaded[name] = _loaders[name]()
        return _loaded[name]


def format_of_media_type(media_type: str) -> LogFormat | None:
    """The format that is sent under this Content-Type, or None."""
    return next((each for each in map(find_format, format_names()) if media_type in each.media_types), None)


def sniff_format(head: bytes) -> LogFormat | None:
    """The first format that recognises the beginning of a body, or None."""
    return next((each for each in map(find_format, format_names()) if each.sniff(head)), None)


def _built_in(module: str, attribute: str) -> Callable[[], LogFormat]:
    def load() -> LogFormat:
        made: LogFormat = getattr(import_module(module), attribute)()
        return made

    return load


def _third_party(entry: metadata.EntryPoint) -> Callable[[], LogFormat]:
    def load() -> LogFormat:
        found = entry.load()
        made: LogFormat = found() if isinstance(found, type) else found
        return made

    return load


def _discover() -> None:
    with _lock:
        if "json" in _loaders:
            return
        register("json", _built_in("collectors.formats.kedge_json", "KedgeJson"))
        register("parquet", _built_in("collectors.formats.parquet_file", "ParquetFile"))
        register("csv", _built_in("collectors.formats.csv_file", "CsvFile"))
        for entry in metadata.entry_points(group=ENTRY_POINTS):
            try:
                register(entry.name, _third_party(entry))
            except Conflict as error:
                log.warning("%s; the one from %s is left out", error, entry.value)
