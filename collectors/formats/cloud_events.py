"""Reading CloudEvents 0.3 and 1.0, whichever way they are bound: HTTP headers, Kafka headers, or an envelope in JSON.

Source: the CloudEvents specification with its HTTP and Kafka bindings and its JSON format.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from collectors.calls import BodyUnreadable, make_half
from collectors.calls.bodies import read_body, read_json
from collectors.formats.gathering import Broken, Outcome, Piece, gather, read_objects
from collectors.formats.reading import as_json, said, shown
from collectors.formats.registry import Decoded
from collectors.units import as_moment
from collectors.wire import Half, Side
from monitor.config import MappingSettings

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_PREFIXES = ("ce-", "ce_")
_UNREADABLE = (ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
_NEAR = 2**16
_ENVELOPE = {"data", "data_base64", "datacontentencoding"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `attributes` are its context attributes, extensions too, in lower case and without a prefix.

    The data are either `body`, bytes with `headers` about them, or `value`, decoded JSON.
    """

    attributes: dict[str, str]
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    value: Any = None

    @property
    def type(self) -> str:
        return self.attributes.get("type", "")

    def data(self) -> Any:
        """The data as `collectors.calls` reads a body. Raises BodyUnreadable."""
        return self.value if self.value is not None else read_body(self.body, self.headers)

    def moment(self, name: str, mapping: MappingSettings) -> datetime | None:
        """A time among the attributes, in UTC; None where it is absent. Raises ValueError."""
        sent = self.attributes.get(name)
        return as_moment(sent, mapping, name) if sent else None


def mentions(body: bytes, *words: bytes) -> bool:
    """Whether one of the words is near the beginning: a sniff asks this before it decodes anything."""
    return any(body.find(word, 0, _NEAR) >= 0 for word in words)


def binary_event(headers: Mapping[str, str], body: bytes) -> Event | None:
    """The event whose attributes are headers (`ce-id` in HTTP, `ce_id` in Kafka), or None where there is none."""
    attributes = {name[3:].lower(): value for name, value in headers.items() if name.lower().startswith(_PREFIXES)}
    if not attributes.get("type"):
        return None
    about = {name.lower(): value for name, value in headers.items() if not name.lower().startswith(_PREFIXES)}
    return Event(attributes, body=body, headers=about)


def structured_event(envelope: dict[str, Any]) -> Event:
    """The event in one JSON object. Raises ValueError where it is none, or its data are no base64."""
    attributes = {
        str(name).lower(): value if isinstance(value, str) else str(value)
        for name, value in envelope.items()
        if name not in _ENVELOPE and isinstance(value, str | int | bool)
    }
    if not attributes.get("specversion") or not attributes.get("type"):
        raise ValueError(f"the event has the keys {shown(list(envelope))}; accepted: specversion, type, id and data")
    data, encoded = envelope.get("data"), envelope.get("data_base64")
    if encoded is None and str(envelope.get("datacontentencoding", "")).lower() == "base64":  # as in 0.3
        encoded = data
    content_type = attributes.get("datacontenttype", "application/json")
    headers = {"content-type": content_type}
    if encoded is not None:
        return Event(attributes, body=decode_base64(encoded), headers=headers)
    if isinstance(data, str) and "json" not in content_type:
        return Event(attributes, body=data.encode(), headers=headers)
    return Event(attributes, value=data)


def envelopes(body: bytes) -> Iterator[dict[str, Any] | Broken]:
    """The envelopes of a body: one event on one line or many, a batch of them, or one a line."""
    try:
        whole = read_json(body)
    except BodyUnreadable:
        whole = None
    if isinstance(whole, dict):
        yield whole
    else:
        yield from read_objects(body)


def decode_events(
    pieces: Iterable[Piece | Broken], read: Callable[[Piece], list[Outcome]], spell: Callable[[Piece], bytes] = as_json
) -> Iterator[Decoded]:
    """Read events. `read` gives what one is, [] where it is no prediction, and raises ValueError where it is unusable.

    A side of a call whose body can't be read is refused, and still is a half without rows: a request alone is an error
    whatever it asked, and the request of an odd response must not be taken for one that was never answered.
    """

    def settled() -> Iterator[list[Outcome] | Broken]:
        for piece in pieces:
            if isinstance(piece, Broken):
                yield piece
                continue
            try:
                yield read(piece)
            except UnreadableSide as error:
                yield Broken(said(error), spell(piece))
                yield [error.half]
            except _UNREADABLE as error:
                yield Broken(said(error), spell(piece))

    return gather(settled(), lambda outcomes: outcomes)


class UnreadableSide(BodyUnreadable):
    """A side of a call whose body can't be read; `half` stands for it when the two are joined."""

    def __init__(self, reason: str, half: Half) -> None:
        super().__init__(reason)
        self.half = half


def read_half(side: Side, event: Event, mapping: MappingSettings, **about: Any) -> Half:
    """The half that an event is; `about` are make_half's arguments. Raises UnreadableSide."""
    try:
        return make_half(side, event.data(), mapping, **about)
    except BodyUnreadable as error:
        nothing: dict[str, Any] = {"instances": []} if side is Side.REQUEST else {"predictions": []}
        raise UnreadableSide(str(error), make_half(side, nothing, mapping, **about)) from None


def decode_base64(text: Any) -> bytes:
    """The bytes behind base64. Raises ValueError quoting what is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise ValueError(f"data {shown(text)} is not base64") from None
