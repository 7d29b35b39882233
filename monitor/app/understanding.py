"""How a format understood the first record of a log, so that a person can look it over before the rest is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from collectors.formats import Log, LogFormat
from collectors.formats.gathering import first_object
from collectors.mapping import Mapper, maps
from collectors.terms import as_utc
from collectors.units import as_moment
from collectors.wire import Half, WireRecord

_MOST_ROWS = 40
_NOT_SAID = ("rows", "key", "times_call", "alone")


@dataclass(frozen=True, slots=True)
class Understood:
    """The first record: what it is, and for each field its value and where in the log that came from."""

    what: str
    rows: list[tuple[str, Any, str]]
    reason: str = ""


def understand(log_format: LogFormat, log: Log) -> Understood:
    """The first record that the format reads; with nothing readable, why."""
    reason = ""
    for decoded in log_format.decode(log):
        for half in decoded.halves[:1]:
            return _of_half(half, log)
        for record in decoded.records[:1]:
            what = "label" if _is_label(record) else "prediction"
            return Understood(what, _cut(list(_rows(record, log))), "")
        reason = reason or (decoded.refusals[0].reason if decoded.refusals else "")
    return Understood("nothing", [], reason or "there is no prediction and no label at its beginning")


def _of_half(half: Half, log: Log) -> Understood:
    rows = [("request", half.request_id, _origin(half.request_id, "id", log))]
    told = {name: value for name, value in _said(half).items() if name not in (*_NOT_SAID, "request_id", "side")}
    rows += [(name, value, _origin(value, name, log)) for name, value in told.items()]
    rows += list(_rows(half.rows[0], log)) if half.rows else []
    other = "response" if half.side == "request" else "request"
    return Understood(f"half of a call: its {half.side}, which waits for the {other}", _cut(rows))


def _rows(record: WireRecord, log: Log) -> Iterator[tuple[str, Any, str]]:
    mapped = Mapper(log.mapping, log.kind).sources(first_object(log.body)) if maps(log.mapping) else {}
    for name, value in _said(record).items():
        if isinstance(value, Mapping):
            for inner, each in value.items():
                full = f"{name}.{inner}"
                yield full, each, mapped.get(full) or _origin(each, inner, log)
        else:
            yield name, value, mapped.get(name) or _origin(value, name, log)
    if (log.mapping.fields or log.mapping.features) and first_object(log.body):
        for name, place in log.mapping.fields.items():
            if name not in mapped:
                yield name, None, f"nothing at {place}"


def _said(record: WireRecord | Half) -> dict[str, Any]:
    """The fields of a record that were said, in their order."""
    usual = {each.name: each.default for each in msgspec.structs.fields(record)}
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return {name: value for name, value in fields.items() if value not in (None, {}, [], "") and value != usual[name]}


def _origin(value: Any, name: str, log: Log) -> str:
    """Where in the log's first JSON object the value is, or nothing: units were converted, or it is no JSON."""
    places = [place for place, each in _scalars(first_object(log.body)) if _same(each, value, log)]
    alike = [place for place in places if place.rpartition(".")[2] == name]
    return (alike or places or [""])[0]


def _scalars(sent: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar of a JSON value with the path to it."""
    if isinstance(sent, Mapping):
        for key, value in sent.items():
            yield from _scalars(value, f"{place}.{key}" if place else str(key))
    elif isinstance(sent, list):
        for n, value in enumerate(sent):
            yield from _scalars(value, f"{place}[{n}]")
    else:
        yield place, sent


def _same(sent: Any, value: Any, log: Log) -> bool:
    if isinstance(value, datetime):
        try:
            return as_moment(sent, log.mapping) == as_utc(value)
        except ValueError:
            return False
    return isinstance(sent, bool) == isinstance(value, bool) and str(sent) == str(value)


def _is_label(record: WireRecord) -> bool:
    said = set(_said(record))
    return "label" in said and said <= {"model", "prediction_id", "label", "label_time"}


def _cut(rows: list[tuple[str, Any, str]]) -> list[tuple[str, Any, str]]:
    if len(rows) <= _MOST_ROWS:
        return rows
    return [*rows[:_MOST_ROWS], ("…", f"{len(rows) - _MOST_ROWS} more", "")]
