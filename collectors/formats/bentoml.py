"""BentoML's monitoring logs: `bentoml.monitor` writes a schema log and data logs, one JSON object per row.

A data line is flat: the columns, then `timestamp` (local time, without a zone), `request_id` (64 bits, in decimal) and
`trace_id` (128 bits, in decimal). A schema line names the role (feature, prediction, target) and the type of every
column. Schemas are kept in the log's memory, so data lines that follow know what their columns are; whose row a line is
is told from its columns, because BentoML writes the rows of two monitors of one service into one file.

All rows of one request share its id. The response's header `x-bentoml-request-id` has the same number in hexadecimal:
it is the tag `request_id_hex`. The tag `trace_id` is in hexadecimal too, as in `traceparent`.

`bentoml_record(fields, memory)` reads the body of one of BentoML's OTLP log records, which has the schema inside
(`bento_meta`).

Source: bentoml/BentoML, src/bentoml/_internal/monitoring/{default,otlp,base}.py, and recordings of BentoML 1.4.39.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from collectors.formats.column_roles import FEATURE, read_row, roles_by_name
from collectors.formats.gathering import Outcome, first_object, gather, read_objects
from collectors.formats.moments import read_time
from collectors.formats.own_ids import with_own_ids
from collectors.formats.reading import shown
from collectors.formats.registry import Decoded, Log
from collectors.wire import DeclaredFeatures, WirePrediction
from monitor.config import NO_MAPPING, MappingSettings
from monitor.schemas import FeatureKind

_ENVELOPE = ("timestamp", "request_id", "trace_id")
_FOLDER = re.compile(r"(?:^|/)([^/]+)/(?:data|schema)/[^/]*$")
_KINDS = {"numerical": FeatureKind.NUMERIC, "categorical": FeatureKind.CATEGORICAL}
_NO_VERSION = ("", "not available")
_MOST_MONITORS = 200
_MOST_REQUESTS = 500  # rows of one request are written one after another; this allows for many requests at once
_LEAST_SHARED = 0.5


class _Column(msgspec.Struct):
    name: str
    role: str = FEATURE
    type: str = ""


class _About(msgspec.Struct):
    bento_name: str = ""
    bento_version: str = ""
    monitor_name: str = ""


class _Schema(msgspec.Struct):
    columns: list[_Column]
    meta_data: _About


class BentoMl:
    """Files of BentoML's default monitor, data and schema logs alike."""

    name = "bentoml"
    title = "BentoML monitoring log"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        first = first_object(log.body)
        if set(first) == {"meta_data", "columns"}:
            return True
        return all(key in first for key in _ENVELOPE) and list(first)[-len(_ENVELOPE) :] == list(_ENVELOPE)

    def decode(self, log: Log) -> Iterator[Decoded]:
        return gather(read_objects(log.body), lambda line: _read_line(line, log))

    def example(self) -> Log:
        return Log(
            b'{"age": 39, "pred": "late", "timestamp": "2026-03-05T03:33:59.490137", '
            b'"request_id": "14642743634293743168", "trace_id": "9000"}\n',
            path="monitoring/flights/data/data.1.log",
        )


def bentoml_record(
    fields: Mapping[str, Any],
    memory: dict[str, Any],
    mapping: MappingSettings = NO_MAPPING,
    model: str | None = None,
    path: str = "",
) -> list[Outcome]:
    """The body of one of BentoML's log records: features it declares (in `bento_meta`), and its row as a prediction.

    `memory` is the log's and is written to. `model` is the model's name where no monitor is known by name. Raises
    ValueError saying what is wrong with the record.
    """
    row = dict(fields)
    outcomes: list[Outcome] = []
    meta = row.pop("bento_meta", None)
    if isinstance(meta, dict):
        columns = meta.get("schema")
        sent = {"columns": list(columns.values()) if isinstance(columns, dict) else [], "meta_data": meta}
        outcomes += _learn(_schema(sent), memory, model, path)
        monitor = str(meta.get("monitor_name", ""))
    else:
        monitor = ""
    return [*outcomes, _read_data(row, memory, mapping, model, path, monitor)]


def _read_line(line: dict[str, Any], log: Log) -> list[Outcome]:
    if set(line) == {"meta_data", "columns"}:
        return list(_learn(_schema(line), log.memory, log.model, log.path))
    return bentoml_record(line, log.memory, log.mapping, log.model, log.path)


def _schema(sent: dict[str, Any]) -> _Schema:
    try:
        return msgspec.convert(sent, _Schema)
    except msgspec.ValidationError as error:
        raise ValueError(f"the schema is not BentoML's: {error}") from None


def _learn(schema: _Schema, memory: dict[str, Any], model: str | None, path: str) -> Iterator[DeclaredFeatures]:
    """Remember a schema; what it says of the features is declared where it is new."""
    folder = _FOLDER.search(path)
    monitor = schema.meta_data.monitor_name or (folder[1] if folder else "") or model or ""
    if not monitor:
        raise ValueError("the schema names no monitor; accepted: a path MONITOR/schema/…, or the model's name")
    version = schema.meta_data.bento_version
    known = {
        "roles": {column.name: column.role for column in schema.columns},
        "version": None if version in _NO_VERSION else version,
    }
    monitors = memory.setdefault("monitors", {})
    if monitors.get(monitor) == known:
        return
    monitors[monitor] = known
    if len(monitors) > _MOST_MONITORS:
        del monitors[next(iter(monitors))]
    kinds = {
        column.name: _KINDS[column.type]
        for column in schema.columns
        if column.role == FEATURE and column.type in _KINDS
    }
    name = model if model and len(monitors) == 1 else monitor
    yield DeclaredFeatures(model=name, kinds=kinds)


def _read_data(
    row: dict[str, Any], memory: dict[str, Any], mapping: MappingSettings, model: str | None, path: str, monitor: str
) -> WirePrediction:
    timestamp, request, trace = (row.pop(key, None) for key in _ENVELOPE)
    if timestamp is None and request is None:
        raise ValueError(f"the line has no {_ENVELOPE[0]} and no {_ENVELOPE[1]}, as rows of BentoML have")
    monitors: dict[str, Any] = memory.setdefault("monitors", {})
    folder = _FOLDER.search(path)
    monitor = monitor or _fitting(set(row), monitors, folder[1] if folder else "")
    known = monitors.get(monitor) or {"roles": roles_by_name(list(row), mapping), "version": None}
    record = read_row(row, known["roles"], mapping)
    # One monitor may be renamed by the source's model; several never, or their rows would end in one model.
    record.model = (model if len(monitors) <= 1 else None) or monitor or (folder[1] if folder else None) or model
    record.version = known["version"]
    record.event_time = _time(timestamp, mapping)
    if request is not None:
        record.prediction_id = _numbered(str(request), record.model or "", memory)
        record.tags = _ids_in_hex(str(request), str(trace))
    return with_own_ids([record], mapping)[0]


def _fitting(columns: set[str], monitors: Mapping[str, Any], folder: str) -> str:
    """The monitor whose schema has the row's columns; "" where no schema is known.

    A file's folder decides only between monitors with the same columns. Raises ValueError when the columns are those
    of no schema.
    """
    if not monitors:
        return ""
    shared = {name: _shared(columns, set(known["roles"])) for name, known in monitors.items()}
    best = max(shared, key=lambda name: (shared[name], name == folder))
    if shared[best] < _LEAST_SHARED:
        reason = f"columns {shown(', '.join(sorted(columns)))} fit no schema; known: {shown(', '.join(monitors))}"
        raise ValueError(f"{reason}; send the schema log of its monitor before its data")
    return best


def _shared(some: set[str], others: set[str]) -> float:
    return len(some & others) / len(some | others) if some | others else 0.0


def _time(timestamp: Any, mapping: MappingSettings) -> datetime | None:
    if isinstance(timestamp, int | float):  # over OTLP: seconds since 1970, whatever the mapping says
        return read_time(timestamp, NO_MAPPING, "timestamp")
    return None if timestamp is None else read_time(timestamp, mapping, "timestamp")


def _numbered(request: str, model: str, memory: dict[str, Any]) -> str:
    """The prediction's id: rows of one request are counted, also where a checkpoint lies between two of them."""
    rows: dict[str, int] = memory.setdefault("rows", {})
    key = f"{request} {model}"
    row = rows.pop(key, 0)
    rows[key] = row + 1
    if len(rows) > _MOST_REQUESTS:
        del rows[next(iter(rows))]
    return f"{request}/{row}" if row else request


def _ids_in_hex(request: str, trace: str) -> dict[str, str]:
    ids = {"request_id_hex": (request, 16), "trace_id": (trace, 32)}
    return {
        name: f"{int(text):0{digits}x}"
        for name, (text, digits) in ids.items()
        if text.isascii() and text.isdigit() and len(text) <= 39
    }
