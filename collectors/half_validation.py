"""What one side of a call must satisfy before it waits for the other; the joined records are validated again.

Everything that can be said of a half alone is said here, while its sender listens. What passes can be stored, read
back, and joined without surprise.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collectors.formats.registry import Decoded
from collectors.joining import record_id
from collectors.record_bounds import payload_of
from collectors.terms import Terms, against_names, against_time, as_utc
from collectors.wire import MAX_NAME_LENGTH, DeclaredFeatures, Half, shrink_integers
from monitor.errors import InvalidValue
from monitor.records import Refusal, check_model_name

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Half)


def validate_halves(decoded: Decoded, terms: Terms) -> tuple[list[Half], list[Refusal]]:
    """Give the halves their time, model and version from the request, and sort out unusable ones."""
    kept, refusals = [], []
    for place, half in zip(decoded.half_places, decoded.halves, strict=True):
        _complete(half, terms)
        reason = reason_against_half(half, terms)
        if reason is None:
            kept.append(half)
        else:
            refusals.append(Refusal(index=place, reason=reason, model=half.model, payload=payload_of(half)))
    return kept, refusals


def usable_declared(declared: Sequence[DeclaredFeatures], terms: Terms) -> list[DeclaredFeatures]:
    """The declarations without what no record may carry: predictions that do are refused, each with the reason."""
    usable = []
    for each in declared:
        kinds = {name: kind for name, kind in each.kinds.items() if not against_names([name], 1)}
        most = terms.limits.max_features
        if not _against_model(each.model):
            usable.append(DeclaredFeatures(model=each.model, kinds=dict(list(kinds.items())[:most])))
    return usable


def reason_against_half(half: Half, terms: Terms) -> str | None:
    """Why this complete half can't wait for its other side, or None."""
    if half.model is not None and (reason := _against_model(half.model)):
        return reason
    if reason := against_time(half.time, terms):
        return f"time {reason}"
    if len(half.rows) > terms.limits.max_records:
        return f"the call has {len(half.rows)} rows; accepted: up to max_records = {terms.limits.max_records}"
    if len(record_id(half.request_id, len(half.rows) - 1)) > MAX_NAME_LENGTH:
        return (
            f"the request id has {len(half.request_id)} characters; accepted: {MAX_NAME_LENGTH}, with the row's place"
        )
    for names in dict.fromkeys(tuple(row.features) for row in half.rows):
        if reason := against_names(names, terms.limits.max_features):
            return reason
    return _against_contents(half, terms.limits.max_record_bytes)


def _complete(half: Half, terms: Terms) -> None:
    half.model = half.model or terms.model
    half.version = half.version or terms.version
    if half.time is None:
        half.time, half.times_call = terms.now, False
    else:
        half.time = as_utc(half.time)


def _against_contents(half: Half, most_bytes: int) -> str | None:
    """What is said against the fields of the half: what the inbox can't store, or could not read again."""
    try:
        stored = _encode(half)
        _DECODER.decode(stored)
        longest = max(map(len, map(_ENCODER.encode, half.rows)), default=0) if len(stored) > most_bytes else 0
    except UnicodeEncodeError:
        return "text holds half of a surrogate pair, which is not valid Unicode"
    except (msgspec.ValidationError, TypeError, RecursionError) as error:
        return str(error)
    return f"a row of the call has {longest} bytes; accepted: up to {most_bytes}" if longest > most_bytes else None


def _encode(half: Half) -> bytes:
    try:
        return _ENCODER.encode(half)
    except OverflowError:  # MessagePack holds integers of 64 bits, JSON any
        for row in half.rows:
            shrink_integers(row)
        return _ENCODER.encode(half)


def _against_model(name: str) -> str | None:
    try:
        check_model_name(name)
    except InvalidValue as error:
        return str(error)
    return None
