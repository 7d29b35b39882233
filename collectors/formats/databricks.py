"""Databricks inference tables: a row is one call of a serving endpoint, its two bodies as JSON text.

Three schemas are in use and told apart by their columns: the legacy `…_payload` table (`timestamp_ms`,
`execution_time_ms`), that of AI Gateway (`request_time`, `execution_duration_ms`) and that of Unity AI Gateway
(`event_time`, `invocation_id`, `latency_ms`; not documented in full, so only these columns are relied on). A batch
call is one row and gives one record per row of its body, all with the call's latency.

The id is the caller's `client_request_id` where there is one. A body that was too large to be logged is missing;
the records lack that side, and the tag `logging_error` names why: the call itself did not fail.

Bodies may be JSON lines, an Arrow IPC stream or file, or (when the format is named) Parquet; `read_rows` takes rows
as dicts.

Source: Databricks documentation, "Inference tables for monitoring and debugging models" and "Monitor served models
using AI Gateway-enabled inference tables".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from collectors.calls import BodyUnreadable, Inputs, Outputs, call_records, read_inputs, read_outputs
from collectors.formats.gathering import Broken, Outcome, gather
from collectors.formats.moments import read_time
from collectors.formats.own_ids import with_own_ids
from collectors.formats.reading import shown
from collectors.formats.registry import Decoded, Log
from collectors.formats.table_bodies import first_columns, read_rows_of
from collectors.units import as_number
from monitor.config import MappingSettings

_IDS = ("client_request_id", "databricks_request_id", "invocation_id")
_TIMES = ("timestamp_ms", "request_time", "event_time")
_LATENCIES = ("execution_time_ms", "execution_duration_ms", "latency_ms")
_MILLISECONDS = MappingSettings.model_construct(time_unit="ms")
_TABLE = re.compile(r"([^/.]+?)_payload(?:[./].*)?$")


class Databricks:
    """Rows of an inference table."""

    name = "databricks"
    title = "Databricks inference table"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        columns = first_columns(log.body)
        return bool(columns & {"databricks_request_id", "invocation_id"}) and bool(columns & {"request", "response"})

    def decode(self, log: Log) -> Iterator[Decoded]:
        return read_rows(read_rows_of(log.body), log)

    def example(self) -> Log:
        return Log(
            b'{"databricks_request_id":"a-1","client_request_id":null,"date":"2026-02-14","timestamp_ms":1771089949000,'
            b'"status_code":200,"execution_time_ms":12,"request":"{\\"dataframe_records\\": [{\\"age\\": 39}]}",'
            b'"response":"{\\"predictions\\": [0]}","sampling_fraction":1.0,'
            b'"request_metadata":{"endpoint_name":"income","model_name":"income","model_version":"3"}}\n'
        )


def read_rows(rows: Iterable[dict[str, Any] | Broken], log: Log) -> Iterator[Decoded]:
    """The records of the table's rows, which are dicts of column → value."""
    return gather(rows, lambda row: _read_row(row, log))


def _read_row(row: dict[str, Any], log: Log) -> list[Outcome]:
    if not row.keys() & {*_IDS, "request", "response"}:
        columns = shown(", ".join(row))
        raise ValueError(f"columns {columns} are no inference table's; one of {', '.join(_IDS)} is needed")
    status = None if row.get("status_code") is None else int(as_number(row["status_code"], "status_code"))
    failed = (status or 200) >= 400
    lost = _lost(row.get("logging_error_codes"))
    inputs = _inputs(row.get("request"), log, lenient=failed or bool(lost))
    outputs = _outputs(row.get("response"), status or 200, inputs, log, lenient=bool(lost))
    if inputs is None and outputs is None and not failed and not lost:
        raise ValueError("the row has no request and no response")
    sampled = row.get("sampling_fraction")
    share = log.mapping.sampling_fraction if sampled is None else as_number(sampled, "sampling_fraction")
    about = _about(row.get("request_metadata"))
    found = _TABLE.search(log.path)
    records = call_records(
        inputs,
        outputs,
        request_id=_first(row, _IDS),
        model=log.model or about.get("endpoint_name") or about.get("model_name") or (found[1] if found else None),
        version=_first(row, ("served_entity_id",)) or about.get("model_version"),
        time=_time(row, log),
        latency_ms=_latency(row),
        status_code=status,
        tags={"logging_error": lost} if lost else {},
        sampling_fraction=share,
    )
    return list(with_own_ids(records, log.mapping))


def _inputs(body: Any, log: Log, *, lenient: bool) -> Inputs | None:
    """The request's rows. What made a call fail, or was cut when it was logged, need not be readable."""
    if body in (None, ""):
        return None
    try:
        return read_inputs(_text(body, "request"), mapping=log.mapping)
    except BodyUnreadable:
        if lenient:
            return None
        raise


def _outputs(body: Any, status: int, inputs: Inputs | None, log: Log, *, lenient: bool) -> Outputs | None:
    if body in (None, ""):
        return Outputs(error=f"status {status}") if status >= 400 else None
    rows = len(inputs.rows) if inputs else None
    try:
        return read_outputs(_text(body, "response"), status=status, mapping=log.mapping, rows=rows)
    except BodyUnreadable:
        if lenient:
            return None
        raise


def _text(body: Any, column: str) -> bytes:
    if not isinstance(body, str):
        raise ValueError(f"{column} is {shown(body)}; accepted: a text of JSON")
    return body.encode()


def _lost(codes: Any) -> str:
    """Why a side of the call is missing, such as MAX_REQUEST_SIZE_EXCEEDED."""
    return ",".join(map(str, codes)) if isinstance(codes, list) else str(codes or "")


def _about(sent: Any) -> Mapping[str, str]:
    """The map `request_metadata`; Arrow has a map as a list of pairs."""
    if isinstance(sent, list):
        sent = {str(pair[0]): pair[1] for pair in sent if isinstance(pair, tuple) and len(pair) == 2}
    return {str(key): str(value) for key, value in sent.items() if value} if isinstance(sent, dict) else {}


def _time(row: Mapping[str, Any], log: Log) -> datetime | None:
    for column in _TIMES:
        if (sent := row.get(column)) is not None:
            return read_time(sent, _MILLISECONDS if column == "timestamp_ms" else log.mapping, column)
    return log.at


def _latency(row: Mapping[str, Any]) -> float | None:
    found = next((column for column in _LATENCIES if row.get(column) is not None), None)
    return None if found is None else as_number(row[found], found)


def _first(row: Mapping[str, Any], columns: tuple[str, ...]) -> str | None:
    return next((str(row[column]) for column in columns if row.get(column) not in (None, "")), None)
