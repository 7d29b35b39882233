"""Reading one record with care: either a wire record, or the reason why it is none, in words.

The fast path decodes whole bodies at once; a record comes here when that failed, so this may take its time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import msgspec

from collectors.wire import WireLabel, WirePrediction, WireRecord, shrink_integers
from monitor.records import Refusal

_ACCEPTED = {kind: kind.__struct_fields__ for kind in (WirePrediction, WireLabel)}
_LONGEST_QUOTE = 200
_MOMENTS = ("event_time", "label_time")
_ARRAY = re.compile(rb"(\xef\xbb\xbf)?\s*\[\s*([\[{\]]|$)")
_JSON_TYPE = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}


def read_record(sent: Any, kind: type[WireRecord]) -> WireRecord | str:
    """The record that `sent` (decoded JSON) spells, or why it is refused.

    A key whose value is null counts as absent; NaN is a missing prediction and stays in features, where it is a
    missing value. Features may be infinite, other numbers must be finite.
    """
    if not isinstance(sent, dict):
        return f"a record must be a JSON object, this is {_json_type(sent)}"
    fields = {key: value for key, value in sent.items() if value is not None}
    reason = _unknown_key(fields, kind) or _nested_feature(fields.get("features"))
    if reason:
        return reason
    if _is_nan(fields.get("prediction")):
        del fields["prediction"]
    try:
        fields |= {name: read_moment(fields[name], name) for name in _MOMENTS if name in fields}
        record: WireRecord = msgspec.convert(fields, kind)
        shrink_integers(record)
        msgspec.json.encode(record)
    except msgspec.ValidationError as error:
        return _explain(str(error), fields)
    except UnicodeEncodeError:
        return "text holds half of a surrogate pair, which is not valid Unicode"
    except (ValueError, OverflowError, RecursionError) as error:
        return str(error)
    return _not_finite(record) or record


def begins_array(body: bytes) -> bool:
    """Whether a body, or the first bytes of one, begins as a JSON array of records does: a bracket alone is no sign, a
    line of a log may begin with one.

    >>> begins_array(b' [{"age": 39}]'), begins_array(b"[INFO] started")
    (True, False)
    """
    return bool(_ARRAY.match(body))


def read_moment(sent: Any, name: str = "time") -> datetime | float:
    """A time as it may be sent, in the field `name`. Raises ValueError naming the value and what is accepted.

    >>> read_moment("2026-03-04"), read_moment(1.5)
    (datetime.datetime(2026, 3, 4, 0, 0), 1.5)
    """
    if isinstance(sent, datetime):
        return sent
    if isinstance(sent, str):
        try:
            return datetime.fromisoformat(sent.strip())
        except ValueError:
            pass
    elif isinstance(sent, int | float) and not isinstance(sent, bool):
        return float(sent)
    raise ValueError(f"{name} {shown(sent)} is not readable; accepted: ISO-8601 text or seconds since 1970")


def refusal(index: int, reason: str, sent: Any, payload: bytes | None = None) -> Refusal:
    """A refusal of one record; `payload` is its bytes where they are at hand, else it is spelled as JSON."""
    model = sent.get("model") if isinstance(sent, dict) else None
    if payload is None:
        payload = as_json(sent)
    return Refusal(index=index, reason=reason, model=model if isinstance(model, str) else None, payload=payload)


def as_json(sent: Any) -> bytes:
    """The value as JSON, or its repr where JSON can't hold it."""
    try:
        return msgspec.json.encode(sent)
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError, RecursionError):
        return repr(sent)[:100_000].encode("utf-8", "backslashreplace")


def shown(value: Any) -> str:
    """A value as an error message shows it: short.

    >>> shown("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4300 digits has no repr
        return "a value too large to show"
    return text if len(text) <= 60 else f"{text[:60]}…"


def said(error: Exception) -> str:
    r"""What a reader's error says, as a reason may quote it: short, and what can't be printed escaped.

    >>> said(ValueError("got 2: \x1b[31m\ufffd"))
    'got 2: \\x1b[31m\\ufffd'
    """
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    characters = str(error)[: _LONGEST_QUOTE + 1]
    text = "".join(c if c.isprintable() and c != "\ufffd" else c.encode("unicode_escape").decode() for c in characters)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def _unknown_key(fields: Mapping[str, Any], kind: type[WireRecord]) -> str | None:
    accepted = _ACCEPTED[kind]
    for key in fields:
        if key not in accepted:
            near = get_close_matches(key, accepted, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"accepted: {', '.join(accepted)}"
            return f"unknown key {shown(key)}; {hint}"
    return None


def _nested_feature(features: Any) -> str | None:
    if not isinstance(features, dict):
        return None  # a wrong type of the whole is said by the typed conversion
    for name, value in features.items():
        if not isinstance(value, str | bool | int | float | None):
            accepted = "accepted: null, true, false, a number or a string"
            return f"feature {shown(name)} is {_json_type(value)}: {shown(value)}; {accepted}"
    return None


def _not_finite(record: WireRecord) -> str | None:
    if isinstance(record, WireLabel):
        return f"label is {record.label}; accepted: a finite number" if _is_nan(record.label) else None
    numbers = {"score": record.score, "latency_ms": record.latency_ms, "sampling_fraction": record.sampling_fraction}
    numbers |= {f"scores[{name!r}]": value for name, value in (record.scores or {}).items()}
    numbers |= {f"resources[{name!r}]": value for name, value in (record.resources or {}).items()}
    for name, value in numbers.items():
        if value is not None and not math.isfinite(value):
            return f"{name} is {value}; accepted: a finite number"
    return f"label is {record.label}; accepted: a finite number" if _is_nan(record.label) else None


def _explain(message: str, fields: Mapping[str, Any]) -> str:
    """msgspec's message, with the field first and the value that was sent."""
    what, _, path = message.partition(" - at `$.")
    name = path.rstrip("`").partition("[")[0]
    if not name:
        return what.replace("Object missing required field", "missing key")
    return f"{path.rstrip('`')}: {what[0].lower()}{what[1:]}; got {shown(fields.get(name))}"


def _json_type(value: Any) -> str:
    name = _JSON_TYPE.get(type(value), "null" if value is None else type(value).__name__)
    return f"an {name}" if name[0] in "ao" else name if name == "null" else f"a {name}"


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
