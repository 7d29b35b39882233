"""Amazon SageMaker: files of data capture, and of ground truth in the layout its Model Monitor merges.

A line of data capture holds a request and its answer as text, in one of three encodings, and may hold many rows. Its
id is the caller's `inferenceId`, else `eventId`; ground truth names the same id. Endpoint and variant are in the path
only: `{endpoint}/{variant}/yyyy/mm/dd/hh/{file}.jsonl`. Times are whole seconds. There is no latency and no status:
failed calls are not captured.

Source: Amazon SageMaker developer guide, "Capture data from real-time endpoint" and "Ingest ground truth labels and
merge them with predictions".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from collectors.calls import call_records, read_inputs, read_outputs, row_id
from collectors.calls.bodies import Cells, read_body
from collectors.calls.paths import look_up
from collectors.formats.gathering import Outcome, first_object, gather, read_objects
from collectors.formats.moments import read_time
from collectors.formats.own_ids import with_own_ids
from collectors.formats.reading import shown
from collectors.formats.registry import Decoded, Log
from collectors.wire import WireLabel
from monitor.config import MappingSettings

_HOUR = r"(\d{4})/(\d\d)/(\d\d)/(\d\d)/[^/]+$"
_CAPTURED = re.compile(rf"([^/]+)/([^/]+)/{_HOUR}")
_COLLECTED = re.compile(rf"(?:^|/){_HOUR}")
_JSON_TYPES = {"CSV": "text/csv", "JSON": "application/json"}


class _Payload(msgspec.Struct, rename="camel"):
    data: Any = ""
    encoding: str = "CSV"
    observed_content_type: str | None = None


class _Captured(msgspec.Struct, rename="camel"):
    endpoint_input: _Payload | None = None
    endpoint_output: _Payload | None = None


class _Event(msgspec.Struct, rename="camel"):
    event_id: str = ""
    inference_id: str = ""
    inference_time: str | None = None


class _Line(msgspec.Struct, rename="camel"):
    event_metadata: _Event
    capture_data: _Captured | None = None
    ground_truth_data: _Payload | None = None


class SageMaker:
    """JSON lines of SageMaker data capture and ground truth."""

    name = "sagemaker"
    title = "SageMaker data capture"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        first = first_object(log.body)
        return "eventMetadata" in first and bool(first.keys() & {"captureData", "groundTruthData"})

    def decode(self, log: Log) -> Iterator[Decoded]:
        return gather(read_objects(log.body), lambda line: _read_line(line, log))

    def example(self) -> Log:
        return Log(
            b'{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"39,0.5\\n",'
            b'"encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT",'
            b'"data":"0.0254181120544672","encoding":"CSV"}},"eventMetadata":{"eventId":"a-1",'
            b'"inferenceTime":"2026-02-14T17:25:49Z"},"eventVersion":"0"}\n',
            path="capture/churn/AllTraffic/2026/02/14/17/25-49-1.jsonl",
        )


def _read_line(sent: dict[str, Any], log: Log) -> list[Outcome]:
    line = msgspec.convert(sent, _Line)
    event = line.event_metadata
    request_id = event.inference_id or event.event_id
    if not request_id:
        raise ValueError("eventMetadata has no eventId and no inferenceId")
    if line.ground_truth_data is not None:
        return list(_labels(line.ground_truth_data, request_id, log))
    if line.capture_data is None:
        raise ValueError("the line has no captureData and no groundTruthData")
    return list(_predictions(line.capture_data, request_id, event.inference_time, log))


def _predictions(captured: _Captured, request_id: str, time: str | None, log: Log) -> list[Any]:
    asked, answered = captured.endpoint_input, captured.endpoint_output
    if asked is None and answered is None:
        raise ValueError("captureData has no endpointInput and no endpointOutput")
    inputs = outputs = None
    if asked is not None:
        inputs = read_inputs(_bytes(asked), headers=_headers(asked), mapping=log.mapping)
    if answered is not None:
        rows = len(inputs.rows) if inputs else None
        outputs = read_outputs(_bytes(answered), headers=_headers(answered), mapping=log.mapping, rows=rows)
    place = _CAPTURED.search(log.path)
    records = call_records(
        inputs,
        outputs,
        request_id=request_id,
        model=log.model or (place[1] if place else None),
        version=place[2] if place else None,
        time=log.at if time is None else read_time(time, log.mapping, "inferenceTime"),
        sampling_fraction=log.mapping.sampling_fraction,
    )
    return with_own_ids(records, log.mapping)


def _labels(truth: _Payload, request_id: str, log: Log) -> Iterator[WireLabel]:
    """The label of each row. The path's hour is when it was collected."""
    found = _COLLECTED.search(log.path)
    time = _hour(found.groups()) if found else log.at
    for row, label in enumerate(_label_values(read_body(_bytes(truth), _headers(truth)), log.mapping)):
        yield WireLabel(model=log.model, prediction_id=row_id(request_id, row), label=label, label_time=time)


def _label_values(sent: Any, mapping: MappingSettings) -> Iterator[Any]:
    rows = [line[0] for line in sent.lines] if isinstance(sent, Cells) else sent if isinstance(sent, list) else [sent]
    for row in rows:
        label = look_up(row, mapping.fields["label"]) if "label" in mapping.fields else row
        if isinstance(label, dict | list) and len(label) == 1:
            label = next(iter(label.values() if isinstance(label, dict) else label))
        if label is None or isinstance(label, dict | list):
            raise ValueError(f"the label is {shown(label)}; accepted: a number, a text, true or false")
        yield label


def _hour(parts: tuple[str, ...]) -> datetime:
    year, month, day, hour = map(int, parts[-4:])
    return datetime(year, month, day, hour, tzinfo=UTC)


def _bytes(payload: _Payload) -> bytes:
    """The text as it was on the wire."""
    if not isinstance(payload.data, str):
        return msgspec.json.encode(payload.data)
    if payload.encoding.upper() != "BASE64":
        return payload.data.encode()
    try:
        return base64.b64decode(payload.data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"data {shown(payload.data)} is not base64, as its encoding says") from None


def _headers(payload: _Payload) -> dict[str, str]:
    """The content type, which says nothing useful where SageMaker did not know it; text that is no JSON is CSV then."""
    observed = (payload.observed_content_type or "").lower()
    usable = "json" in observed or "csv" in observed
    return {"content-type": observed if usable else _JSON_TYPES.get(payload.encoding.upper(), "text/csv")}
