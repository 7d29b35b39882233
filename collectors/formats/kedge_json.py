"""Kedge's own format: JSON (an array, one object, or {"records": [...]}) and newline-delimited JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from collectors.formats.reading import as_json, begins_array, read_record, refusal, said, shown
from collectors.formats.registry import WHOLE_BODY, Decoded, Log
from collectors.wire import WireLabel, WirePrediction, WireRecord
from monitor.lake import Kind
from monitor.records import Refusal

_WIRE: dict[Kind, type[WireRecord]] = {Kind.PREDICTIONS: WirePrediction, Kind.LABELS: WireLabel}
_ONE = {kind: msgspec.json.Decoder(wire) for kind, wire in _WIRE.items()}
_MANY: dict[Kind, msgspec.json.Decoder[list[Any]]] = {
    Kind.PREDICTIONS: msgspec.json.Decoder(list[WirePrediction]),
    Kind.LABELS: msgspec.json.Decoder(list[WireLabel]),
}
_ANYTHING = msgspec.json.Decoder()
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ENVELOPE = re.compile(rb'\s*\{\s*"records"\s*:')
_SPACE = b" \t\r\n"


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    records: msgspec.Raw


class KedgeJson:
    """JSON as every language writes it, with the NaN and Infinity that Python adds."""

    name = "json"
    title = "Kedge JSON"
    media_types = ("application/json", "application/x-ndjson", "application/jsonl", "application/ndjson")

    def sniff(self, log: Log) -> bool:
        return log.body[:4096].lstrip(_SPACE + b"\xef\xbb\xbf")[:1] in (b"[", b"{")

    def decode(self, log: Log) -> Iterator[Decoded]:
        yield _decode(log.body, log.kind)

    def example(self) -> Log:
        return Log(b'{"model": "income", "prediction_id": "a-1", "features": {"age": 39}, "prediction": "<=50K"}')


def _decode(body: bytes, kind: Kind) -> Decoded:
    start = body.lstrip(_SPACE)[:1]
    try:
        if start == b"[":
            records: list[WireRecord] = _MANY[kind].decode(body)
        elif _ENVELOPE.match(body):
            return _decode(bytes(msgspec.json.decode(body, type=_Envelope).records), kind)
        else:
            records = _ONE[kind].decode_lines(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _decode_with_care(body, kind)
    if not records:
        return _refused_body("the body is empty", body) if not start else Decoded()
    return Decoded(records, range(len(records)))


def _decode_with_care(body: bytes, kind: Kind) -> Decoded:
    """One bad record must not lose the others: find the records first, then read each by itself."""
    try:
        pieces = _RAWS.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        pass
    else:
        return _read_pieces([bytes(piece) for piece in pieces], kind)
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError) as error:
        lines = [line for line in body.splitlines() if line.strip()]
        objects = any(line.lstrip(_SPACE).startswith(b"{") for line in lines)
        if len(lines) < 2 or begins_array(body) or not objects:
            return _refused_body(f"the body is not JSON: {_json_error(error)}", body)
        return _read_pieces(lines, kind)
    if isinstance(whole, dict) and set(whole) == {"records"}:
        whole = whole["records"]
        if not isinstance(whole, list):
            return _refused_body(f"'records' must be an array of records, this is {shown(whole)}", body)
    return _read_objects(whole if isinstance(whole, list) else [whole], kind)


def _read_pieces(pieces: list[bytes], kind: Kind) -> Decoded:
    """Read each record from its own bytes; strictly where that works."""
    decoded = Decoded(places=[])
    for index, piece in enumerate(pieces):
        try:
            _add(decoded, index, _ONE[kind].decode(piece), piece, None)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            _add(decoded, index, *_read_piece(piece, kind))
    return decoded


def _read_piece(piece: bytes, kind: Kind) -> tuple[WireRecord | str, bytes, Any]:
    try:
        sent = _sent(piece)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {_json_error(error)}", piece, None
    return read_record(sent, _WIRE[kind]), piece, sent


def _sent(piece: bytes) -> Any:
    try:
        return _ANYTHING.decode(piece)
    except msgspec.MsgspecError:
        return json.loads(piece)  # accepts NaN, Infinity and numbers too large for a float


def _read_objects(sent: list[Any], kind: Kind) -> Decoded:
    """Read records whose JSON is decoded already, as a body with a bare NaN is."""
    decoded = Decoded(places=[])
    for index, one in enumerate(sent):
        read = read_record(one, _WIRE[kind])
        _add(decoded, index, read, as_json(one) if isinstance(read, str) else b"", one)
    return decoded


def _add(decoded: Decoded, index: int, read: WireRecord | str, payload: bytes, sent: Any) -> None:
    if isinstance(read, str):
        decoded.refusals.append(refusal(index, read, sent, payload))
    else:
        decoded.records.append(read)
        assert isinstance(decoded.places, list)
        decoded.places.append(index)


def _refused_body(reason: str, body: bytes) -> Decoded:
    return Decoded(refusals=[Refusal(index=WHOLE_BODY, reason=reason, payload=body)])


def _json_error(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return said(error)
