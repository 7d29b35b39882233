"""Vertex AI: rows of the BigQuery table of an endpoint's request-response logging, and of AI Platform's before it.

Vertex (`endpoint`, `deployed_model_id`, `logging_time`, `request_id`, `request_payload`, `response_payload`): the
payloads are arrays of text, one JSON instance or prediction each; an array of one may hold a whole body. AI Platform
(`model`, `model_version`, `time`, `raw_data`, `raw_prediction`, `groundtruth`): whole bodies, the labels beside them,
and no id, so the id is a digest of the row. There is no latency and no status in either.

Bodies may be JSON lines, an Arrow IPC stream or file, or (when the format is named) Parquet; `read_rows` takes rows
as dicts.

Source: googleapis/python-aiplatform (models.py) for where Vertex logs, Google Cloud's documentation of AI Platform's
"request-response logging" for its schema. The column names of Vertex's table are those in common use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from collectors.calls import Inputs, Outputs, call_records, inputs_of, outputs_of
from collectors.formats.gathering import Broken, Outcome, gather
from collectors.formats.moments import read_time
from collectors.formats.own_ids import with_own_ids
from collectors.formats.reading import as_json, shown
from collectors.formats.registry import Decoded, Log
from collectors.formats.table_bodies import first_columns, read_rows_of
from collectors.wire import WirePrediction

_VERTEX = {"request_payload", "response_payload", "deployed_model_id"}
_AI_PLATFORM = {"raw_data", "raw_prediction"}
_DIGESTED = ("model", "model_version", "time", "raw_data", "raw_prediction")  # the label comes later


class Vertex:
    """Rows of a request-response logging table."""

    name = "vertex"
    title = "Vertex AI request-response log"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        columns = first_columns(log.body)
        return columns >= _VERTEX or columns >= _AI_PLATFORM

    def decode(self, log: Log) -> Iterator[Decoded]:
        return read_rows(read_rows_of(log.body), log)

    def example(self) -> Log:
        return Log(
            b'{"endpoint":"income","deployed_model_id":"417","logging_time":"2026-02-14 17:25:49.5 UTC",'
            b'"request_id":"1234567890123456789","request_payload":["{\\"age\\": 39}"],"response_payload":["0.25"]}\n'
        )


def read_rows(rows: Iterable[dict[str, Any] | Broken], log: Log) -> Iterator[Decoded]:
    """The records of the table's rows, which are dicts of column → value."""
    return gather(rows, lambda row: _read_row(row, log))


def _read_row(row: dict[str, Any], log: Log) -> list[Outcome]:
    if row.keys() & {"request_payload", "response_payload"}:
        return list(with_own_ids(_vertex(row, log), log.mapping))
    if row.keys() & _AI_PLATFORM:
        return list(with_own_ids(_ai_platform(row, log), log.mapping))
    raise ValueError(f"columns {shown(', '.join(row))} are no logging table's; request_payload or raw_data is needed")


def _vertex(row: dict[str, Any], log: Log) -> list[WirePrediction]:
    asked, answered = _body(row, "request_payload", "instances"), _body(row, "response_payload", "predictions")
    inputs, outputs = _sides(asked, answered, log)
    return call_records(
        inputs,
        outputs,
        request_id=_text(row.get("request_id")),
        model=log.model or _last(row.get("endpoint")),
        version=_text(row.get("deployed_model_id")),
        time=_time(row, "logging_time", log),
        sampling_fraction=log.mapping.sampling_fraction,
    )


def _ai_platform(row: dict[str, Any], log: Log) -> list[WirePrediction]:
    inputs, outputs = _sides(_value(row.get("raw_data")), _value(row.get("raw_prediction")), log)
    told = as_json([row.get(column) for column in _DIGESTED])
    records = call_records(
        inputs,
        outputs,
        request_id=hashlib.blake2b(told, digest_size=16).hexdigest(),
        model=log.model or _last(row.get("model")),
        version=_last(row.get("model_version")),
        time=_time(row, "time", log),
        sampling_fraction=log.mapping.sampling_fraction,
    )
    truth = _value(row.get("groundtruth"))
    if truth is not None:
        labels = truth if isinstance(truth, list) else [truth]
        if len(labels) != len(records):
            raise ValueError(f"groundtruth has {len(labels)} labels, the call {len(records)} rows")
        for record, label in zip(records, labels, strict=True):
            record.label = label
    return records


def _sides(asked: Any, answered: Any, log: Log) -> tuple[Inputs | None, Outputs | None]:
    if asked is None and answered is None:
        raise ValueError("the row has no request and no response")
    inputs = None if asked is None else inputs_of(asked, log.mapping)
    rows = len(inputs.rows) if inputs else None
    return inputs, None if answered is None else outputs_of(answered, mapping=log.mapping, rows=rows)


def _body(row: dict[str, Any], column: str, key: str) -> Any:
    """The body that a payload column was made from: `{"instances": […]}` around its elements, unless it is one."""
    sent = row.get(column)
    if sent is None or sent == []:
        return None
    values = [_value(each) for each in (sent if isinstance(sent, list) else [sent])]
    is_body = len(values) == 1 and isinstance(values[0], dict) and (key in values[0] or "error" in values[0])
    return values[0] if is_body else {key: values}


def _value(sent: Any) -> Any:
    """The value that the text spells as JSON, or the text itself where it spells none."""
    if not isinstance(sent, str):
        return sent
    try:
        return msgspec.json.decode(sent)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return sent or None


def _time(row: dict[str, Any], column: str, log: Log) -> datetime | None:
    sent = row.get(column)
    return log.at if sent is None else read_time(sent, log.mapping, column)


def _text(sent: Any) -> str | None:
    return None if sent in (None, "") else str(sent)


def _last(sent: Any) -> str | None:
    """The name at the end of a resource's path."""
    return (_text(sent) or "").rstrip("/").rsplit("/", 1)[-1] or None
