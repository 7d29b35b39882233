"""Azure Machine Learning's data collector: JSON lines of CloudEvents 1.0 in structured mode.

Inputs and outputs of a call are lines of two files, joined by `correlationid`: a line is a Half. Calls close in time
may be merged into one line; the rows of all of them stand under one correlation id then, in the same order on both
sides. Collections that are read: `model_inputs`/`inputs` with `model_outputs`/`outputs`, the payload log `request`
with `response`, and `…inputs_outputs`, whose rows hold both. Other collections are skipped.

The endpoint is the model and the deployment its version (from `source`). Times are whole seconds, and there is no
latency and no status. A line whose data were too large or binary points to a blob and is refused.

Source: Microsoft Learn, "Collect production data from models deployed for real-time inferencing".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from collectors.calls import Outputs, inputs_of, outputs_of, partial_rows, row_id, usable_id
from collectors.calls.bodies import read_json
from collectors.formats.column_roles import read_row, roles_by_name
from collectors.formats.gathering import Outcome, first_object, gather, read_objects
from collectors.formats.moments import read_time
from collectors.formats.own_ids import with_own_ids
from collectors.formats.reading import shown
from collectors.formats.registry import Decoded, Log
from collectors.wire import Half, Side, WirePrediction

_TYPE = "azureml.inference."
_REQUESTS = ("inputs", "model_inputs", "request")
_RESPONSES = ("outputs", "model_outputs", "response")
_PAYLOADS = ("request", "response")
_BOTH = "inputs_outputs"
_DEPLOYMENT = re.compile(r"/onlineEndpoints/([^/]+)/deployments/([^/]+)", re.IGNORECASE)


class _Event(msgspec.Struct):
    type: str
    data: Any = None
    source: str = ""
    time: str | None = None
    correlationid: str = ""
    xrequestid: str = ""
    datainblob: str | bool = ""


class AzureMl:
    """JSON lines of the model data collector."""

    name = "azure-ml"
    title = "Azure ML data collector"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return str(first_object(log.body).get("type", "")).startswith(_TYPE)

    def decode(self, log: Log) -> Iterator[Decoded]:
        return gather(read_objects(log.body), lambda line: _read_line(line, log))

    def example(self) -> Log:
        return Log(
            b'{"specversion":"1.0","id":"725aa8af","source":"/subscriptions/s/onlineEndpoints/flights/deployments/blue",'
            b'"type":"azureml.inference.model_inputs","datacontenttype":"application/json","time":"2026-02-01T08:51:30Z",'
            b'"data":[{"distance":1400,"carrier":"UA"}],"correlationid":"bbbb1111","xrequestid":"bbbb1111",'
            b'"modelversion":"default","collectdatatype":"pandas.core.frame.DataFrame","agent":"monitoring-sdk/0.1.2",'
            b'"contentrange":"bytes 0-116/117"}\n'
        )


def _read_line(sent: dict[str, Any], log: Log) -> list[Outcome]:
    event = msgspec.convert(sent, _Event)
    collection = event.type.removeprefix(_TYPE)
    if not event.type.startswith(_TYPE):
        raise ValueError(f"type {shown(event.type)} is none of the data collector's; accepted: {_TYPE}…")
    if not (collection in _REQUESTS or collection in _RESPONSES or collection.endswith(_BOTH)):
        return []
    if str(event.datainblob).lower() == "true":
        raise ValueError(f"the data are in a blob of their own, {shown(event.data)}; accepted: data in the line")
    request_id = usable_id(event.correlationid or event.xrequestid)
    if request_id is None:
        raise ValueError("the event has no correlationid, which joins inputs and outputs")
    data = read_json(event.data.encode()) if isinstance(event.data, str) else event.data
    if collection.endswith(_BOTH):
        return list(with_own_ids(list(_whole_rows(data, request_id, event, log)), log.mapping))
    return [_half(collection, data, request_id, event, log)]


def _half(collection: str, data: Any, request_id: str, event: _Event, log: Log) -> Half:
    if collection in _REQUESTS:
        side = Side.REQUEST
        rows = partial_rows(inputs_of(data, log.mapping), None)
    else:
        side = Side.RESPONSE
        rows = _answers(outputs_of(data, mapping=log.mapping))
    for row in rows:
        row.sampling_fraction = log.mapping.sampling_fraction
    model, version = _model(event, log)
    return Half(
        # A payload log beside the collector's own frames tells of the same calls; each joins with its own kind.
        key=f"{request_id} payload" if collection in _PAYLOADS else request_id,
        side=side,
        request_id=request_id,
        model=model,
        version=version,
        time=_time(event, log),
        rows=rows,
    )


def _answers(outputs: Outputs) -> list[WirePrediction]:
    return [WirePrediction(error=outputs.error)] if outputs.error else partial_rows(None, outputs)


def _whole_rows(data: Any, request_id: str, event: _Event, log: Log) -> Iterator[WirePrediction]:
    model, version = _model(event, log)
    for number, row in enumerate(data if isinstance(data, list) else [data]):
        if not isinstance(row, dict):
            raise ValueError(f"a row is {shown(row)}; accepted: an object of columns")
        record = read_row(row, roles_by_name(list(row), log.mapping), log.mapping)
        record.model, record.version = model, version
        record.prediction_id, record.event_time = row_id(request_id, number), _time(event, log)
        yield record


def _model(event: _Event, log: Log) -> tuple[str | None, str | None]:
    found = _DEPLOYMENT.search(event.source)
    return log.model or (found[1] if found else None), found[2] if found else None


def _time(event: _Event, log: Log) -> Any:
    return log.at if event.time is None else read_time(event.time, log.mapping)
