"""Bare bodies of the Open Inference Protocol (V2): requests and responses as they are, told apart by their tensors.

One body, or one a line; the two sides of a call are joined by the `id` that both carry, so a body without one is
refused. A body has no time: its calls have that of its receipt, and no latency. A request whose response never comes is
an error. Only responses name their model, so the log should be sent as one model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collectors.calls.bodies import JSON_LENGTH, read_body
from collectors.calls.inputs import text_or_none
from collectors.calls.paths import look_up
from collectors.calls.tensors import are_tensors
from collectors.formats.cloud_events import Event, binary_event, decode_events, mentions, read_half
from collectors.formats.gathering import Broken, Outcome, first_object, read_objects
from collectors.formats.reading import said, shown
from collectors.formats.registry import Decoded, Log
from collectors.wire import Side


class OpenInference:
    """V2 requests and responses, JSON or with binary tensors."""

    name = "open-inference"
    title = "Open Inference Protocol (V2)"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        if binary_event(log.headers, b"") is not None or "mlserver-model" in log.headers:
            return False
        if not mentions(log.body, b'"inputs"', b'"outputs"', b'"error"'):
            return False
        first = first_object(log.body)
        return side_of(first) is not None and look_up(first, "parameters.headers") is None

    def decode(self, log: Log) -> Iterator[Decoded]:
        return decode_events(_bodies(log), lambda sent: _read(sent, log))

    def example(self) -> Log:
        return Log(
            b'{"id": "a-1", "inputs": [{"name": "age", "shape": [1, 1], "datatype": "INT64", "data": [39]}]}',
            model="income",
        )


def side_of(sent: dict[str, Any]) -> Side | None:
    """Which side of a call a V2 body is, or None where it is no V2 body."""
    if are_tensors(sent.get("inputs")):
        return Side.REQUEST
    return Side.RESPONSE if are_tensors(sent.get("outputs")) or _is_error(sent) else None


def _is_error(sent: dict[str, Any]) -> bool:
    return sent.keys() <= {"error", "id", "model_name", "model_version"} and {"error", "id"} <= sent.keys()


def _bodies(log: Log) -> Iterator[dict[str, Any] | Broken]:
    if JSON_LENGTH not in log.headers:
        yield from read_objects(log.body)
        return
    try:
        sent = read_body(log.body, log.headers)
    except ValueError as error:
        yield Broken(said(error), log.body)
        return
    yield sent if isinstance(sent, dict) else Broken(f"{shown(sent)} is no JSON object", log.body)


def _read(sent: dict[str, Any], log: Log) -> list[Outcome]:
    side = side_of(sent)
    if side is None:
        raise ValueError(f"the body has the keys {shown(list(sent))}; accepted: inputs or outputs, arrays of tensors")
    request_id = text_or_none(sent.get("id"))
    if request_id is None:
        raise ValueError("a V2 body without an id can't be joined with its other side; accepted: id in both")
    half = read_half(
        side,
        Event({}, value=sent),
        log.mapping,
        key=f"v2 {request_id}",
        request_id=request_id,
        time=log.at,
    )
    for row in half.rows:
        row.model = half.model  # only a response names its model, and both sides must wait under one
    half.model = None
    return [half]
