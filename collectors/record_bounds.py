"""The bounds of a record's fields, for records that a format made itself: msgspec sees to them only where it decodes.

The inbox decodes what it gives back, so a record beyond its bounds would hold up everything that came with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from collectors.wire import MAX_NAME_LENGTH, MAX_VERSION_LENGTH, WireLabel, WirePrediction, WireRecord, shrink_integers


def are_in_bounds(records: Sequence[WirePrediction]) -> bool:
    """Whether all these records keep to their bounds, judged together."""
    versions = {record.version for record in records} - {None}
    entities = {record.entity_id for record in records} - {None}
    return (
        are_ids([record.prediction_id for record in records])
        and _are_lengths(versions, MAX_VERSION_LENGTH)
        and are_ids(entities)
        and all(0 <= latency < math.inf for latency in [r.latency_ms for r in records] if latency is not None)
        and all(100 <= status <= 599 for status in {r.status_code for r in records} if status is not None)
        and all(0 < fraction <= 1 for fraction in {r.sampling_fraction for r in records})
        and all(map(math.isfinite, [r.score for r in records if r.score is not None]))
        and not any(r.request_bytes is not None or r.response_bytes is not None or r.resources for r in records)
    )


def against_bounds(record: WireRecord) -> str | None:
    """Why this record could not be read back, in the words of the wire; None when it can."""
    shrink_integers(record)
    try:
        msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record))
    except UnicodeEncodeError:
        return "text holds half of a surrogate pair, which is not valid Unicode"
    except (msgspec.MsgspecError, TypeError, RecursionError, OverflowError) as error:
        return str(error)
    if isinstance(record, WireLabel):
        return None
    used = [(f"resources[{name!r}]", value) for name, value in (record.resources or {}).items()]
    for name, value in (("latency_ms", record.latency_ms), ("score", record.score), *used):
        if value is not None and not math.isfinite(value):
            return f"{name} is {value}; accepted: a finite number"
    return None


def payload_of(record: msgspec.Struct) -> bytes:
    """The record as JSON for quarantine, or what can be shown of it."""
    try:
        return msgspec.json.encode(record)
    except (UnicodeEncodeError, TypeError, RecursionError):
        return repr(record).encode("utf-8", "backslashreplace")


def are_ids(texts: Iterable[str | None]) -> bool:
    return _are_lengths(texts, MAX_NAME_LENGTH)


def _are_lengths(texts: Iterable[str | None], longest: int) -> bool:
    return all(text is not None and 0 < len(text) <= longest for text in texts)
