"""From the pieces of a log (lines, frames, rows of a table) to stretches of records, for formats made of such pieces.

A format says what one piece holds; counting places, checking records, refusing what is unusable and cutting into
stretches of one type happen here, once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, TypeVar

import msgspec

from collectors.formats.reading import as_json, begins_array, read_record, refusal, said, shown
from collectors.formats.registry import Decoded
from collectors.wire import MAX_NAME_LENGTH, DeclaredFeatures, Half, WireLabel, WirePrediction, WireRecord

STRETCH = 5_000
"""Most records of one stretch."""

Outcome = WireRecord | Half | DeclaredFeatures
Piece = TypeVar("Piece")

_UNREADABLE = (ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
_SNIFFED = 2**20  # a first record longer than this is not recognised
_JSON = json.JSONDecoder()
_FIELDS = {kind: kind.__struct_fields__ for kind in (WirePrediction, WireLabel)}


@dataclass(frozen=True, slots=True)
class Broken:
    """A piece that is damaged: why, and its bytes."""

    reason: str
    payload: bytes = b""


@dataclass(slots=True)
class _Gathered:
    """The stretch being gathered, and the place the next record will have."""

    place: int = 0
    stretch: Decoded = field(default_factory=lambda: Decoded(places=[]))

    def holds(self) -> int:
        held = self.stretch
        return len(held.records) + len(held.refusals) + len(held.halves) + len(held.declared) + held.skipped

    def cuts_before(self, outcome: Outcome) -> bool:
        """Whether a stretch has to end first: records of one stretch are of one type."""
        records = self.stretch.records
        other = isinstance(outcome, WirePrediction | WireLabel) and records and type(records[0]) is not type(outcome)
        return bool(other) or self.holds() >= STRETCH

    def cut(self) -> Decoded:
        done, self.stretch = self.stretch, Decoded(places=[])
        return done

    def refuse(self, reason: str, sent: Any, payload: bytes | None = None) -> None:
        self.stretch.refusals.append(refusal(self.place, reason, sent, payload))
        self.place += 1

    def skip(self) -> None:
        self.stretch.skipped += 1
        self.place += 1

    def add(self, outcome: Outcome) -> None:
        if isinstance(outcome, DeclaredFeatures):
            self.stretch.declared.append(outcome)
            return
        if isinstance(outcome, Half):
            self.stretch.halves.append(outcome)
            self.stretch.half_places.append(self.place)
        else:
            self.stretch.records.append(outcome)
            assert isinstance(self.stretch.places, list)
            self.stretch.places.append(self.place)
        self.place += 1


def gather(
    pieces: Iterable[Piece | Broken],
    read: Callable[[Piece], Iterable[Outcome]],
    spell: Callable[[Piece], bytes] = as_json,
) -> Iterator[Decoded]:
    """Read every piece. `read` raises ValueError when a piece is not usable; one that gives nothing counts as skipped.

    `spell` gives the bytes of a piece that is refused, such that the format can read them again. An unusable piece is
    refused whole; of a readable one each record is taken or refused by itself.
    """
    gathered = _Gathered()
    for piece in pieces:
        if gathered.holds() >= STRETCH:
            yield gathered.cut()
        if isinstance(piece, Broken):
            gathered.refuse(piece.reason, None, piece.payload)
            continue
        try:
            outcomes = list(read(piece))
        except _UNREADABLE as error:
            gathered.refuse(_reason(error), piece, spell(piece))
            continue
        if not outcomes:
            gathered.skip()
        for outcome in outcomes:
            checked = _checked(outcome)
            if isinstance(checked, str):  # kept as Kedge writes it: the piece may be long, and would be kept for each
                gathered.refuse(checked, {"model": outcome.model}, as_json(outcome))
                continue
            if gathered.cuts_before(checked):
                yield gathered.cut()
            gathered.add(checked)
    if gathered.holds():
        yield gathered.cut()


def read_objects(body: bytes) -> Iterator[dict[str, Any] | Broken]:
    """The JSON objects of a body: one a line, or an array of them. Blank lines are none."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    whole = _object(body, list) if body[:4096].lstrip()[:1] == b"[" else None
    if isinstance(whole, list):
        for sent in whole:
            yield sent if isinstance(sent, dict) else Broken(f"{shown(sent)} is no JSON object", as_json(sent))
    elif whole is not None and begins_array(body):
        yield whole
    else:
        for line in BytesIO(body):
            if line.strip():
                yield _object(line.rstrip(b"\r\n"), dict)


def first_object(body: bytes) -> dict[str, Any]:
    """The first JSON object of a body as `read_objects` would give it, for a sniff; {} when there is none."""
    start = body[:_SNIFFED].decode("utf-8", "ignore").lstrip("\ufeff \t\r\n[")
    try:
        found, _ = _JSON.raw_decode(start)
    except _UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}


def _object(text: bytes, kind: type[Any]) -> Any:
    """The JSON value, if it is one of the kind; NaN and Infinity, which Python adds, are read too."""
    try:
        try:
            sent = msgspec.json.decode(text)
        except msgspec.DecodeError:
            sent = json.loads(text)
    except _UNREADABLE as error:
        return Broken(f"not JSON: {_reason(error)}", text)
    wanted = "array" if kind is list else "object"
    return sent if isinstance(sent, kind) else Broken(f"{shown(sent)} is no JSON {wanted}", text)


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else said(error)


def _checked(outcome: Outcome) -> Outcome | str:
    """The outcome with everything in it checked, or why it can't be taken."""
    if isinstance(outcome, DeclaredFeatures):
        return outcome
    if not isinstance(outcome, Half):
        return read_record({name: getattr(outcome, name) for name in _FIELDS[type(outcome)]}, type(outcome))
    if not 0 < len(outcome.request_id) <= MAX_NAME_LENGTH or not 0 < len(outcome.key) <= 2 * MAX_NAME_LENGTH:
        return f"request id {shown(outcome.request_id)} is not usable; accepted: 1 to {MAX_NAME_LENGTH} characters"
    rows: list[WirePrediction] = []
    for row in outcome.rows:
        checked = _checked(row)
        if isinstance(checked, str):
            return checked
        assert isinstance(checked, WirePrediction)
        rows.append(checked)
    outcome.rows = rows
    return outcome
