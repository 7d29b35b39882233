"""A glance at the usual batch: enough to know that every record of it can be taken, without reading its features.

Most bodies are JSON predictions of one model, each complete and in order. Their features make up most of the bytes, and
nobody needs their values before the flusher turns them into columns; so they are only looked over (well-formed, one
flat object per record), and the body goes to the inbox as it came. Whatever is not usual, or not certain, is left to
the careful path: a glance says None rather than no.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from collectors.deliveries import Batch, Encoding
from collectors.terms import EARLIEST, Terms
from collectors.wire import WirePrediction
from monitor.errors import InvalidValue
from monitor.lake import Kind
from monitor.records import check_model_name

_BRACE = {ord("{")}
_LEAST_FEATURE = 5
"""Bytes of the shortest feature in JSON, with its comma: "":1, and so on."""


def _glanced() -> type[Any]:
    """WirePrediction as it is, but for its features, which stay bytes."""
    fields: list[Any] = [
        (each.name, msgspec.Raw, msgspec.Raw(b"{}"))
        if each.name == "features"
        else (each.name, each.type, each.default)
        if each.default is not msgspec.NODEFAULT
        else (each.name, each.type, msgspec.field(default_factory=each.default_factory))
        for each in msgspec.structs.fields(WirePrediction)
    ]
    return msgspec.defstruct("Glanced", fields, kw_only=True, forbid_unknown_fields=True, gc=False)


_MANY: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[_glanced()])  # type: ignore[misc]
_ONE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_glanced())


def glance(body: bytes, terms: Terms) -> Batch | None:
    """The body as one batch of predictions, or None where it needs a careful look."""
    privacy = terms.privacy
    if privacy is not None and privacy.concerns_body(terms.model):
        return None
    if b"\\" in body and any(odd in body for odd in (b"\\u0000", b"\\ud", b"\\uD")):
        return None  # NUL characters and halves of characters
    is_array = body.startswith(b"[")
    if not (is_array or body.startswith(b"{")):
        return None
    try:
        body.decode()
        records = _MANY.decode(body) if is_array else _lines(body)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    if not records or len(records) > terms.limits.max_records:
        return None
    model = _model(records, terms.model)
    if model is None or (privacy is not None and privacy.concerns(model)):
        return None
    if not _are_flat([record.features for record in records], len(body), terms):
        return None
    if terms.version is not None and any(record.version is None for record in records):
        return None
    if not _are_plain(records, terms):
        return None
    return Batch(Kind.PREDICTIONS, model, len(records), body, Encoding.JSON if is_array else Encoding.LINES)


def _lines(body: bytes) -> list[Any]:
    if b"\n" not in body:
        return [_ONE.decode(body)]
    return _ONE.decode_lines(body)


def _model(records: Sequence[Any], default: str | None) -> str | None:
    """The one usable model of all records, or None."""
    model = records[0].model
    if len(records) > 1 and len({record.model for record in records}) > 1:
        return None
    return _usable(model or default or "")


@lru_cache(1000)
def _usable(model: str) -> str | None:
    try:
        return check_model_name(model)
    except InvalidValue:
        return None


def _are_flat(features: Sequence[msgspec.Raw], body_bytes: int, terms: Terms) -> bool:
    """Whether each is an object of scalars, and none has too many or too long ones."""
    most = min(terms.limits.max_features * _LEAST_FEATURE, terms.limits.max_record_bytes // 2)
    if len(features) == 1:
        raw = bytes(features[0])
        return raw[:1] == b"{" and raw.count(b"{") == 1 and b"[" not in raw and len(raw) <= most
    raws = list(map(bytes, features))
    joined = b"".join(raws)
    if joined.count(b"{") != len(raws) or b"[" in joined or {raw[0] for raw in raws} != _BRACE:
        return False
    return body_bytes <= most or max(map(len, raws)) <= most


def _are_plain(records: Sequence[Any], terms: Terms) -> bool:
    """Whether no record carries a label, and all times lie where they may."""
    if len(records) == 1:
        record = records[0]
        moment = record.event_time
        if record.label is not None or record.label_time is not None or _is_long(record, terms):
            return False
        if type(moment) is not datetime or moment.tzinfo is None:
            return moment is None
        return moment >= EARLIEST and (moment <= terms.now or moment <= terms.latest)
    if {record.label for record in records} != {None} or {record.label_time for record in records} != {None}:
        return False
    moments = [record.event_time for record in records]
    try:
        if None in {moment.tzinfo for moment in moments}:
            return False
        if not (min(moments) >= EARLIEST and max(moments) <= terms.latest):
            return False
    except (AttributeError, TypeError):  # no time at all, or a number
        if any(moment is not None for moment in moments):
            return False
    return terms.body_bytes <= terms.limits.max_record_bytes or not any(_is_long(record, terms) for record in records)


def _is_long(record: Any, terms: Terms) -> bool:
    """Whether what is beside the features could make the record too long."""
    return (
        terms.body_bytes > terms.limits.max_record_bytes // 2
        and 2 * len(msgspec.json.encode(record)) > terms.limits.max_record_bytes
    )
