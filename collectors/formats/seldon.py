"""Seldon Core 1: one CloudEvent per request and per response of a node, and feedback as an event of its own.

`ce-id` is new in every event; what joins is `requestid` (the caller's Seldon-Puid) with `modelid`, since every node of
a graph logs its own pair. Over Kafka the attributes are headers without a prefix. Times are those of sending. The model
is `inferenceservicename/modelid`, or just the name where the two are one.

Feedback is a label: its `truth`, under the puid of the response it is about. A reward alone says nothing that can be
compared with a prediction, and is refused with this reason.

Source: SeldonIO/seldon-core 1.18, executor/logger/worker.go and proto/prediction.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectors.calls import outputs_of, row_id
from collectors.calls.paths import look_up
from collectors.formats.cloud_events import Event, binary_event, decode_events, read_half
from collectors.formats.gathering import Outcome
from collectors.formats.reading import shown
from collectors.formats.registry import Decoded, Log
from collectors.wire import Side, WireLabel
from monitor.config import MappingSettings

TYPE = "io.seldon.serving."
_SIDES = {f"{TYPE}inference.request": Side.REQUEST, f"{TYPE}inference.response": Side.RESPONSE}
_FEEDBACK = f"{TYPE}feedback"


class Seldon:
    """Seldon Core 1's request logger, over HTTP or Kafka; bodies in Seldon's own protocol, V2 or V1."""

    name = "seldon"
    title = "Seldon Core 1"
    media_types = ()

    def sniff(self, log: Log) -> bool:
        return seldon_event(log.headers, log.body) is not None

    def decode(self, log: Log) -> Iterator[Decoded]:
        return decode_events([log], _read, lambda log: log.body)

    def example(self) -> Log:
        headers = {
            "content-type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": "0b7f3f6e-6a0e-4a43-8b07-3d2f5c0a9e11",
            "ce-type": f"{TYPE}inference.request",
            "ce-time": "2026-03-04T10:00:00Z",
            "ce-requestid": "a-1",
            "ce-modelid": "classifier",
            "ce-inferenceservicename": "income",
        }
        return Log(b'{"data": {"names": ["age"], "ndarray": [[39]]}}', headers=headers)


def seldon_event(headers: Mapping[str, str], body: bytes) -> Event | None:
    """The event in these headers, with or without a prefix, or None where it is not of Seldon Core 1."""
    event = binary_event(headers, body)
    plain = {name.lower(): value for name, value in headers.items()}
    if event is None and plain.get("type", "").startswith(TYPE) and "requestid" in plain:
        event = Event(plain, body=body, headers=plain)
    return event if event is not None and event.type.startswith(TYPE) else None


def seldon_outcomes(event: Event, log: Log) -> list[Outcome]:
    """What one event of Seldon's logger is. Raises ValueError naming what it lacks."""
    about = event.attributes
    request_id, node, model = about.get("requestid"), about.get("modelid", ""), _model(about)
    mapping = log.mapping_of(model)
    if event.type == _FEEDBACK:
        return _feedback(event, request_id, mapping)
    side = _SIDES.get(event.type)
    if side is None:
        raise ValueError(f"event type {event.type!r} is not known; accepted: {', '.join((*_SIDES, _FEEDBACK))}")
    if not request_id:
        raise ValueError("requestid is missing, which joins request and response")
    endpoint = about.get("endpoint", "")
    half = read_half(
        side,
        event,
        mapping,
        key=" ".join(("seldon", about.get("namespace", ""), about.get("inferenceservicename", ""), node, request_id)),
        request_id=request_id,
        model=model,
        time=event.moment("time", mapping),
        tags={"endpoint": endpoint} if endpoint else {},
    )
    return [half]


def _read(log: Log) -> list[Outcome]:
    event = seldon_event(log.headers, log.body)
    if event is None:
        raise ValueError("the headers of the event are missing; accepted: type, requestid and modelid, also after ce-")
    return seldon_outcomes(event, log)


def _model(about: Mapping[str, str]) -> str | None:
    names = dict.fromkeys(name for name in (about.get("inferenceservicename"), about.get("modelid")) if name)
    return "/".join(names) or None


def _feedback(event: Event, request_id: str | None, mapping: MappingSettings) -> list[Outcome]:
    sent: Any = event.data()
    truth = sent.get("truth") if isinstance(sent, dict) else None
    if not truth:
        keys = shown(list(sent)) if isinstance(sent, dict) else shown(sent)
        raise ValueError(f"the feedback has {keys}; accepted: a truth (a reward alone is no label)")
    puid = look_up(sent, "response.meta.puid") or request_id
    if not isinstance(puid, str):
        raise ValueError("the feedback names no prediction; accepted: response.meta.puid, or requestid")
    labels = [row.prediction for row in outputs_of(truth, mapping=mapping).rows]
    time, model = event.moment("time", mapping), _model(event.attributes)
    return [
        WireLabel(prediction_id=row_id(puid, n), label=label, model=model, label_time=time)
        for n, label in enumerate(labels)
        if label is not None
    ]
