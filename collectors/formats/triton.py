"""Triton Inference Server: its JSON trace file, with the levels TIMESTAMPS and TENSORS.

A trace is one execution of one model and spread over elements with one `id`: name and version of the model, time
stamps, and (at the level TENSORS) inputs and outputs, a row per entry of the batch. Models of an ensemble have traces
of their own. The latency is REQUEST_END − REQUEST_START, so it leaves out the network. A trace without tensors is a
prediction of which only the latency is known.

Time stamps are those of a monotonic clock, which has no date. The event time is the log's time (that of the file's
last change) minus how long before the file's last time stamp the request ended, so it is good to about the time
between the last request and the writing of the file.

The id is the caller's request id; without one it is made of the trace's number and its start. The share of the
traffic that is traced (`rate`, by default one request in 1,000) is not in the file: it is the mapping's
`sampling_fraction`.

Source: triton-inference-server/server, docs/user_guide/trace.md.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from collectors.calls import Inputs, Outputs, call_records, inputs_of, outputs_of
from collectors.formats.gathering import Broken, Outcome, first_object, gather
from collectors.formats.own_ids import with_own_ids
from collectors.formats.reading import as_json, said, shown
from collectors.formats.registry import WHOLE_BODY, Decoded, Log
from monitor.records import Refusal

_ASKED, _ANSWERED = "TENSOR_QUEUE_INPUT", "TENSOR_BACKEND_OUTPUT"
_START, _END = "REQUEST_START", "REQUEST_END"
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class _Stamp(msgspec.Struct):
    name: str
    ns: int


class _Tensor(msgspec.Struct):
    name: str
    data: str = ""
    shape: str = ""
    dtype: str = ""


class _Element(msgspec.Struct):
    id: int
    model_name: str = ""
    model_version: int | str | None = None
    request_id: str = ""
    timestamps: list[_Stamp] = []
    activity: str = ""
    tensor: _Tensor | None = None


class _Trace(msgspec.Struct):
    """All elements of one id, put together."""

    id: int
    model_name: str = ""
    version: str | None = None
    request_id: str = ""
    stamps: dict[str, int] = {}
    asked: list[_Tensor] = []
    answered: list[_Tensor] = []


class Triton:
    """Trace files of Triton's own trace mode."""

    name = "triton"
    title = "Triton trace file"
    media_types = ()

    def sniff(self, log: Log) -> bool:
        first = first_object(log.body)
        known = first.keys() & {"timestamps", "activity"} or first.keys() >= {"model_name", "model_version"}
        return log.body.lstrip()[:1] == b"[" and type(first.get("id")) is int and bool(known) and "outputs" not in first

    def decode(self, log: Log) -> Iterator[Decoded]:
        elements = _elements(log.body)
        if isinstance(elements, str):
            yield Decoded(refusals=[Refusal(index=WHOLE_BODY, reason=elements, payload=log.body)])
            return
        traces = list(_traces(elements))
        last = max((ns for trace in traces if isinstance(trace, _Trace) for ns in trace.stamps.values()), default=0)
        yield from gather(traces, lambda trace: _read_trace(trace, last, log), _as_written)

    def example(self) -> Log:
        return Log(
            b'[{"id":1,"model_name":"income","model_version":3,"request_id":"a-1"},'
            b'{"id":1,"timestamps":[{"name":"REQUEST_START","ns":2356425054785863}]},'
            b'{"id":1,"timestamps":[{"name":"REQUEST_END","ns":2356425057643164}]},'
            b'{"id":1,"activity":"TENSOR_QUEUE_INPUT","tensor":{"name":"x","data":"39,0.5","shape":"1,2","dtype":"FP32"}},'
            b'{"id":1,"activity":"TENSOR_BACKEND_OUTPUT","tensor":{"name":"y","data":"0.25","shape":"1,1","dtype":"FP32"}}]'
        )


def _elements(body: bytes) -> list[Any] | str:
    """The elements of the array, or why there are none.

    A file that Triton still writes lacks the closing bracket; what was added since the last look, the opening one.
    """
    text = body.strip(b" \t\r\n,")
    opened = text if text.startswith(b"[") else b"[" + text
    reason = ""
    for whole in (opened, opened + b"]"):
        try:
            sent = json.loads(whole)
        except (ValueError, RecursionError) as error:
            reason = reason or f"the body is not JSON: {said(error)}"
            continue
        return list(sent)
    return reason


def _traces(elements: Iterable[Any]) -> Iterator[_Trace | Broken]:
    traces: dict[int, _Trace] = {}
    for sent in elements:
        try:
            element = msgspec.convert(sent, _Element)
        except (msgspec.ValidationError, ValueError) as error:
            yield Broken(f"an element is none of a trace: {said(error)}", as_json(sent))
            continue
        trace = traces.setdefault(element.id, _Trace(id=element.id))
        trace.model_name = element.model_name or trace.model_name
        trace.request_id = element.request_id or trace.request_id
        if element.model_version not in (None, "", -1):
            trace.version = str(element.model_version)
        trace.stamps |= {stamp.name: stamp.ns for stamp in element.timestamps}
        if element.tensor and element.activity in (_ASKED, _ANSWERED):
            (trace.asked if element.activity == _ASKED else trace.answered).append(element.tensor)
    yield from traces.values()


def _as_written(trace: _Trace) -> bytes:
    """The trace in the layout of a trace file."""
    about = {"id": trace.id, "model_name": trace.model_name, "model_version": trace.version}
    stamps = {"id": trace.id, "timestamps": [{"name": name, "ns": ns} for name, ns in trace.stamps.items()]}
    tensors = [
        {"id": trace.id, "activity": activity, "tensor": tensor}
        for activity, sent in ((_ASKED, trace.asked), (_ANSWERED, trace.answered))
        for tensor in sent
    ]
    return as_json([about | {"request_id": trace.request_id}, stamps, *tensors])


def _read_trace(trace: _Trace, last: int, log: Log) -> list[Outcome]:
    if not trace.model_name and not log.model:
        raise ValueError(f"trace {trace.id} names no model")
    start, end = trace.stamps.get(_START), trace.stamps.get(_END)
    latency = (end - start) / 1e6 if start is not None and end is not None else None
    records = call_records(
        *_sides(trace, log),
        request_id=trace.request_id or f"trace-{trace.id}-{start or 0}",
        model=trace.model_name or log.model,
        version=trace.version,
        time=_time(log.at, end, last),
        latency_ms=latency,
        sampling_fraction=log.mapping.sampling_fraction,
    )
    return list(with_own_ids(records, log.mapping))


def _sides(trace: _Trace, log: Log) -> tuple[Inputs | None, Outputs | None]:
    asked, answered = [_as_tensor(each) for each in trace.asked], [_as_tensor(each) for each in trace.answered]
    if len({tuple(each["shape"]) for each in [*asked, *answered]}) > 1 and all(
        len(each["shape"]) == 1 for each in [*asked, *answered]
    ):
        for each in [*asked, *answered]:  # a model that does not batch: each tensor is one row
            each["shape"] = [1, *each["shape"]]
    inputs = inputs_of({"inputs": asked}, log.mapping) if asked else None
    rows = len(inputs.rows) if inputs else None
    outputs = outputs_of({"outputs": answered}, mapping=log.mapping, rows=rows) if answered else None
    return inputs, outputs


def _as_tensor(tensor: _Tensor) -> dict[str, Any]:
    """The tensor in the layout of the Open Inference Protocol; values and shape are lists in text."""
    try:
        shape = [int(size) for size in tensor.shape.split(",") if size]
        data = [_value(cell, tensor.dtype) for cell in next(csv.reader([tensor.data], escapechar="\\"), [])]
    except (ValueError, csv.Error) as error:
        raise ValueError(f"tensor {shown(tensor.name)} is not readable: {said(error)}") from None
    return {"name": tensor.name, "shape": shape or [len(data)], "datatype": tensor.dtype, "data": data}


def _value(cell: str, dtype: str) -> Any:
    if dtype == "BYTES":
        return cell
    if dtype == "BOOL":
        return _TRUTHS[cell.strip().lower()] if cell.strip().lower() in _TRUTHS else int(cell)
    return float(cell) if dtype.startswith(("FP", "BF")) else int(cell)


def _time(at: datetime | None, end: int | None, last: int) -> datetime | None:
    if at is None or end is None:
        return at
    return at - timedelta(microseconds=min((last - end) // 1000, 10**15))
