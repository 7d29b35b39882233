"""Exchanges: one call a line with both sides, as a proxy, a client or a test rig can dump them.

    {"time": "2026-03-04T10:00:00Z", "elapsed_ms": 4.5,
     "request": {"method": "POST", "path": "/v1/models/iris:predict", "headers": {}, "body": "…"},
     "response": {"status": 200, "headers": {}, "body": "…"}}

A `body` is the text after content decoding, or the JSON itself; `body_base64` holds bytes. `transport_error` (or
`error`) stands where the response should be when the connection failed. Calls over gRPC are the two messages as
protobuf writes them in JSON: `{"request": {"model_name", …}, "response": {…}}`.

Health checks, metadata and calls of models or routes that are not there (404, 405) are skipped. A POST to a path that
ends in /feedback is a label: `prediction_id` (or `id`) and `label`, `actual` or `truth`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collectors.calls import (
    BodyUnreadable,
    Inputs,
    Outputs,
    asks_for_predictions,
    call_records,
    inputs_of,
    model_of_path,
    outputs_of,
    read_inputs,
    read_outputs,
)
from collectors.calls.bodies import read_json
from collectors.formats.cloud_events import mentions
from collectors.formats.gathering import Outcome, first_object, gather, read_objects
from collectors.formats.own_ids import with_own_ids
from collectors.formats.reading import shown
from collectors.formats.registry import Decoded, Log
from collectors.units import as_moment
from collectors.wire import WirePrediction
from monitor.config import MappingSettings

ID_HEADERS = ("x-request-id", "x-bentoml-request-id", "seldon-puid", "ce-requestid", "ce-id")
"""Headers that name a request where its body does not."""

_NOBODY_ANSWERED = (404, 405)
_NOBODY_ANSWERED_GRPC = ("StatusCode.NOT_FOUND", "StatusCode.UNIMPLEMENTED")
_FAILURES = ("transport_error", "error")
_TRUTHS = ("label", "actual", "truth", "ground_truth")


class Exchange:
    """Requests and their responses, side by side in one line."""

    name = "exchange"
    title = "Request and response pairs"
    media_types = ("application/vnd.kedge.exchange+x-ndjson",)
    by_lines = True

    def sniff(self, log: Log) -> bool:
        if not mentions(log.body, b'"request"'):
            return False
        first = first_object(log.body)
        request = first.get("request")
        if not isinstance(request, dict) or not (first.keys() & {"response", *_FAILURES}):
            return False
        return isinstance(request.get("path"), str) or isinstance(request.get("model_name"), str)

    def decode(self, log: Log) -> Iterator[Decoded]:
        return gather(read_objects(log.body), lambda line: _outcomes(line, log))

    def example(self) -> Log:
        return Log(
            b'{"time": "2026-03-04T10:00:00Z", "elapsed_ms": 4.5, '
            b'"request": {"method": "POST", "path": "/v1/models/iris:predict", "headers": {"x-request-id": "a-1"}, '
            b'"body": {"instances": [[6.8, 2.8]]}}, "response": {"status": 200, "body": {"predictions": [1]}}}'
        )


@dataclass(frozen=True, slots=True)
class _Side:
    """The request or the response of a line: header names in lower case, and the body in either of its forms."""

    sent: dict[str, Any]
    headers: dict[str, str]
    body: bytes
    value: Any = None

    @property
    def size(self) -> int | None:
        """Bytes of the body; unknown where the line has its JSON in place of its text."""
        return len(self.body) if self.value is None and self.body else None

    def inputs(self, mapping: MappingSettings) -> Inputs:
        if self.value is not None:
            return inputs_of(self.value, mapping)
        return read_inputs(self.body, headers=self.headers, mapping=mapping)

    def outputs(self, mapping: MappingSettings, status: int, rows: int | None) -> Outputs:
        if self.value is not None:
            return outputs_of(self.value, status=status, mapping=mapping, rows=rows)
        return read_outputs(self.body, status=status, headers=self.headers, mapping=mapping, rows=rows)


def _outcomes(line: dict[str, Any], log: Log) -> Iterable[Outcome]:
    sent = line.get("request")
    if not isinstance(sent, dict):
        raise ValueError(f"request is {shown(sent)}; accepted: an object with method, path, headers and body")
    if "path" not in sent:
        return _grpc(line, sent, log)
    request = _side(sent)
    path = str(sent["path"])
    if not asks_for_predictions(str(sent.get("method", "POST")), path):
        return []
    answer = line.get("response")
    response = _side(answer) if isinstance(answer, dict) else None
    status = _status(response)
    if status in _NOBODY_ANSWERED:
        return []
    time, elapsed = _moment(line, log), _elapsed(line)
    if path.rstrip("/").endswith("/feedback"):
        return _feedback(request, time, log) if status is None or status < 400 else []
    error = None if response else _failure(line)
    inputs = _asked(request, log.mapping, failed=error is not None or (status or 200) >= 400)
    answered = response.outputs(log.mapping, status or 200, len(inputs.rows) if inputs else None) if response else None
    model, version = model_of_path(path)
    records = call_records(
        inputs,
        answered,
        request_id=_request_id(request, response, inputs, answered),
        model=model,
        version=version,
        time=time + timedelta(milliseconds=elapsed or 0) if time else None,
        latency_ms=elapsed,
        status_code=status,
        request_bytes=request.size,
        response_bytes=response.size if response else None,
        error=error,
        sampling_fraction=log.mapping.sampling_fraction,
    )
    return with_own_ids(records, log.mapping)


def _grpc(line: dict[str, Any], sent: dict[str, Any], log: Log) -> Iterable[Outcome]:
    """Both messages of ModelInfer, or the request and the text of its error."""
    answer = line.get("response")
    error = None if isinstance(answer, dict) else _failure(line)
    if error and any(code in error for code in _NOBODY_ANSWERED_GRPC):
        return []
    try:
        inputs = inputs_of(sent, log.mapping) if sent.get("inputs") else None
    except BodyUnreadable:
        if error is None:
            raise
        inputs = None
    answered = outputs_of(answer, mapping=log.mapping, rows=len(inputs.rows) if inputs else None) if answer else None
    time, elapsed = _moment(line, log), _elapsed(line)
    return call_records(
        inputs,
        answered,
        model=str(sent["model_name"]) if sent.get("model_name") else None,
        time=time + timedelta(milliseconds=elapsed or 0) if time else None,
        latency_ms=elapsed,
        error=error,
        sampling_fraction=log.mapping.sampling_fraction,
    )


def _asked(request: _Side, mapping: MappingSettings, *, failed: bool) -> Inputs | None:
    """The inputs; of a failed call they may well be what the server could not read either."""
    try:
        inputs = request.inputs(mapping)
    except BodyUnreadable:
        if not failed:
            raise
        return None
    return inputs if inputs.rows or not failed else None


def _side(sent: dict[str, Any]) -> _Side:
    headers = sent.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
    named = {str(pair[0]).lower(): str(pair[1]) for pair in pairs if isinstance(pair, list | tuple) and len(pair) == 2}
    encoded, body = sent.get("body_base64"), sent.get("body")
    if isinstance(encoded, str):
        try:
            return _Side(sent, named, base64.b64decode(encoded, validate=True))
        except (binascii.Error, ValueError):
            raise ValueError(f"body_base64 {shown(encoded)} is not base64") from None
    if body is None or isinstance(body, str):
        return _Side(sent, named, (body or "").encode())
    return _Side(sent, named, b"", body)


def _request_id(request: _Side, response: _Side | None, inputs: Inputs | None, answered: Outputs | None) -> str | None:
    """The id that whoever sends the label knows: the body's, else a header's."""
    bodies = [side.id for side in (inputs, answered) if side and side.id]
    headers = [side.headers for side in (request, response) if side]
    return next(iter([*bodies, *(each[name] for each in headers for name in ID_HEADERS if each.get(name))]), None)


def _feedback(request: _Side, time: datetime | None, log: Log) -> Iterable[Outcome]:
    sent = request.value if request.value is not None else read_json(request.body)
    if not isinstance(sent, dict):
        raise ValueError(f"feedback is {shown(sent)}; accepted: an object with prediction_id and label")
    label = next((sent[key] for key in _TRUTHS if sent.get(key) is not None), None)
    name = sent.get("prediction_id", sent.get("id"))
    if name is None or label is None:
        accepted = f"accepted: prediction_id with one of {', '.join(_TRUTHS)}"
        raise ValueError(f"feedback has the keys {shown(list(sent))}; {accepted}")
    seen = next((sent[key] for key in ("label_time", "observed_at", "time") if sent.get(key) is not None), None)
    moment = as_moment(seen, log.mapping, "label_time") if seen is not None else time
    return [WirePrediction(prediction_id=str(name), label=label, label_time=moment)]


def _moment(line: Mapping[str, Any], log: Log) -> datetime | None:
    sent = line.get("time")
    return log.at if sent is None else as_moment(sent, log.mapping, "time")


def _elapsed(line: Mapping[str, Any]) -> float | None:
    sent = line.get("elapsed_ms", line.get("latency_ms"))
    if sent is None or (isinstance(sent, int | float) and not isinstance(sent, bool) and 0 <= sent < 1e12):
        return None if sent is None else float(sent)
    raise ValueError(f"elapsed_ms {shown(sent)} is no latency; accepted: milliseconds from 0 on")


def _status(response: _Side | None) -> int | None:
    status = response.sent.get("status") if response else None
    if status is None or (isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599):
        return status
    raise ValueError(f"status {shown(status)} is no HTTP status; accepted: 100 to 599")


def _failure(line: Mapping[str, Any]) -> str:
    return next((str(line[key])[:500] for key in _FAILURES if line.get(key)), "the request was not answered")
