"""Objects in S3, Google Cloud Storage, Azure or a folder: prediction logs that a platform delivers there.

Prefixes are walked level by level. Below a date (`2026/03/01/13/`, `dt=2026-03-01/`) only the last hours are listed
again; elsewhere every object is remembered. What an object that grew (an append blob) had is not read again.
"""

from __future__ import annotations

import fnmatch
import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url
from pydantic import Field

from collectors.formats.reading import said
from collectors.sources.files_seen import EDGE
from collectors.sources.periods import period_end
from collectors.sources.pieces import PIECE_BYTES, is_whole, unpacked, whole_lines
from collectors.sources.registry import Options, Piece, SourceContext
from monitor.config import resolve_secret
from monitor.errors import ConfigError, Unavailable

log = logging.getLogger(__name__)

_SCHEMES = ("s3://", "s3a://", "gs://", "az://", "azure://", "abfs://", "abfss://", "file://")
_GROWING = ("az://", "azure://", "abfs://", "abfss://", "file://")
_HEAD_BYTES = 2**16


class ObjectStoreOptions(Options):
    """Settings of an object store source."""

    url: str = Field(description="Bucket or container and prefix: s3://…, gs://…, az://…, file:///….")
    storage: dict[str, str] = Field(
        {}, description="Settings of the store, such as region or endpoint; env:NAME and file:PATH are looked up."
    )
    match: str = Field("*", description="Which object names are read, such as *.jsonl.")
    relist_hours: float = Field(6, ge=1, description="For how long after its date a dated prefix is listed again.")
    complete_seconds: float = Field(5, ge=0, description="How long a last line without its end must be unchanged.")
    max_object_bytes: int = Field(2**29, ge=1024, description="Largest object; larger ones are left out.")


class _Done(msgspec.Struct, array_like=True):
    """What was read of an object: its tag, how many bytes, and a digest of the last of them."""

    tag: str
    bytes: int
    tail: str = ""


class _State(msgspec.Struct):
    """`done` is what was read, by key; `latest` the end of the latest dated prefix of the last whole pass."""

    done: dict[str, _Done] = {}
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Object:
    key: str
    size: int
    tag: str
    modified: datetime


class ObjectStoreSource:
    """The objects below one prefix, oldest first; schema objects before the others."""

    poll_seconds = 30.0

    def __init__(self, context: SourceContext) -> None:
        self._options: ObjectStoreOptions = ObjectStoreOptions.of(context)
        self._context = context
        self._grows = self._options.url.startswith(_GROWING)
        self._store = open_store(self._options.url, self._options.storage)
        self._unpacked = "", 0  # key of the last packed object, and its length

    def read(self, position: Any) -> Iterator[Piece]:
        state = msgspec.convert(position or {}, _State)
        try:
            found = sorted(self._walk(None, self._horizon(state)), key=_order)
            for each in found:
                known = state.done.get(each.key)
                if known is None or known.tag != each.tag:
                    for body, through, log_format in self._read_object(each, known):
                        state = _State({**state.done, each.key: through}, state.latest)
                        yield Piece(body, state, path=each.key, at=each.modified, log_format=log_format)
        except (BaseError, OSError) as error:
            raise Unavailable(f"{self._options.url}: {said(error)}") from error
        # Only now: a pass that was broken off may have left older objects out.
        ends = [end for each in found if (end := period_end(each.key))]
        latest = max(ends, default=state.latest) if ends else state.latest
        listed = {each.key for each in found}
        after = _State({key: each for key, each in state.done.items() if key in listed}, latest)
        if after != state:
            yield Piece(b"", after)

    def done(self, position: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def _horizon(self, state: _State) -> datetime | None:
        """Dated prefixes that were over by then are not listed any more."""
        if state.latest is None:
            return None
        return min(state.latest, self._context.clock()) - timedelta(hours=self._options.relist_hours)

    def _walk(self, prefix: str | None, horizon: datetime | None) -> Iterator[_Object]:
        """Every object below a prefix, but for dated prefixes whose time is over."""
        listed: Any = obstore.list_with_delimiter(self._store, prefix)
        for each in listed["objects"]:
            if fnmatch.fnmatch(PurePosixPath(each["path"]).name, self._options.match) and each["size"]:
                tag = each["e_tag"] or f"{each['last_modified'].timestamp()}-{each['size']}"
                yield _Object(each["path"], each["size"], tag, each["last_modified"])
        for below in listed["common_prefixes"]:
            end = period_end(below)
            if horizon is None or end is None or end > horizon:
                yield from self._walk(below, horizon)

    def _read_object(self, found: _Object, known: _Done | None) -> Iterator[tuple[bytes, _Done, str | None]]:
        if found.size > self._options.max_object_bytes:
            most = self._options.max_object_bytes
            log.warning(
                "source %r: object %s is left out: it has %d bytes; accepted: up to max_object_bytes = %d",
                *(self._context.name, found.key, found.size, most),
            )
            yield b"", _Done(found.tag, found.size), None
            return
        try:
            content, start = self._unread(found, known)
        except OSError as error:
            log.warning("source %r: object %s: %s", self._context.name, found.key, said(error))
            content, start = self._bytes(found, 0, found.size), 0  # to quarantine with it
        log_format = self._context.format_of((content[start:] or content)[:_HEAD_BYTES], found.key)
        if start or not is_whole(content, log_format):
            yield from self._lines(found, content, start, log_format)
        else:
            yield content, _Done(found.tag, found.size, _digest(content)), log_format

    def _lines(
        self, found: _Object, content: bytes, start: int, log_format: str
    ) -> Iterator[tuple[bytes, _Done, str | None]]:
        """Pieces of whole lines. `content` ends where the object does; what is before `start` was read."""
        before = self._length(found, content) - len(content)
        age = (self._context.clock() - found.modified).total_seconds()
        is_complete = not self._grows or found.key.endswith(".gz") or age >= self._options.complete_seconds
        through = whole_lines(content, is_complete) if self._grows else len(content)
        while start < through:
            end = content.rfind(b"\n", start, min(start + PIECE_BYTES, through)) + 1
            if end <= start:
                end = content.find(b"\n", start, through) + 1 or through
            # Until its end is read the object counts as changed, so that a restart goes on in its middle.
            tag = found.tag if end == len(content) else ""
            yield content[start:end], _Done(tag, before + end, _digest(content[:end])), log_format
            start = end

    def _unread(self, found: _Object, known: _Done | None) -> tuple[bytes, int]:
        """What an object holds beyond what was read, after the last bytes that were, whose number comes with it.

        It is 0, and the content all of it, where it is another object than the one that was read.
        """
        read = known.bytes if known and known.tail else 0
        edge = min(EDGE, read)
        if found.key.endswith(".gz"):
            plain = unpacked(self._bytes(found, 0, found.size), self._options.max_object_bytes)
            self._unpacked = found.key, len(plain)
            rest = plain[read - edge :]
            return (rest, edge) if known is None or _digest(rest[:edge]) == known.tail else (plain, 0)
        rest = self._bytes(found, read - edge, found.size)
        if known is None or _digest(rest[:edge]) == known.tail:
            return rest, edge
        return self._bytes(found, 0, found.size), 0

    def _length(self, found: _Object, content: bytes) -> int:
        """The length of an object, unpacked."""
        key, length = self._unpacked
        return length if key == found.key else found.size

    def _bytes(self, found: _Object, start: int, end: int) -> bytes:
        return bytes(obstore.get_range(self._store, found.key, start=start, end=end)) if start < end else b""


def open_store(url: str, storage: Mapping[str, str]) -> ObjectStore:
    """The store behind an address. Raises ConfigError for one that can't be used."""
    if not url.startswith(_SCHEMES):
        raise ConfigError(f"url {url!r} is no object store; accepted: {', '.join(_SCHEMES)}")
    settings = {name: resolve_secret(value) for name, value in storage.items()}
    config: Any = settings or None
    options: Any = {"allow_http": True} if any(str(v).startswith("http://") for v in settings.values()) else None
    try:
        return from_url(url, config=config, client_options=options)
    except (BaseError, ValueError, OSError) as error:
        raise ConfigError(f"url {url!r} is not usable: {said(error)}") from None


def _order(found: _Object) -> tuple[bool, datetime, str]:
    return "schema" not in found.key.split("/"), found.modified, found.key


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content[-EDGE:], digest_size=8).hexdigest()
