"""KServe's inference logger: one CloudEvent per request and one per response, posted by the agent beside the model.

Both events of a call share `ce-id`. Up to KServe 0.17 `ce-time` is when the event was sent; from 0.18 on, told by
`ce-recordedtime`, it is when the request arrived or was answered, and only then the two give a latency. A response
event exists only where the status was 200, and its content type is that of the request. Several components
(transformer, predictor) log under one id: the predictor is the model `NAME`, another component `NAME/component`; what
an explainer was asked is skipped.

Source: kserve/kserve, pkg/logger/{worker,handler,types}.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.formats.cloud_events import Event, binary_event, decode_events, read_half
from collectors.formats.gathering import Outcome
from collectors.formats.registry import Decoded, Log
from collectors.wire import Side

TYPE = "org.kubeflow.serving.inference."
_SIDES = {f"{TYPE}request": Side.REQUEST, f"{TYPE}response": Side.RESPONSE}
_PREDICTOR = ("", "predictor")
_EXPLAINER = "explainer"


class KServe:
    """CloudEvents in binary mode, over HTTP or Kafka, with V1 or V2 bodies."""

    name = "kserve"
    title = "KServe inference logger"
    media_types = ()

    def sniff(self, log: Log) -> bool:
        event = binary_event(log.headers, log.body)
        return event is not None and event.type.startswith(TYPE)

    def decode(self, log: Log) -> Iterator[Decoded]:
        return decode_events([log], _read, lambda log: log.body)

    def example(self) -> Log:
        headers = {
            "content-type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": "0009174a-24a8-4603-b098-09c8799950e9",
            "ce-type": f"{TYPE}request",
            "ce-source": "http://localhost:9081/",
            "ce-time": "2026-03-04T10:00:00.0789529Z",
            "ce-inferenceservicename": "sklearn-iris",
            "ce-component": "predictor",
        }
        return Log(b'{"instances": [[6.8, 2.8, 4.8, 1.4]]}', headers=headers)


def _read(log: Log) -> list[Outcome]:
    event = binary_event(log.headers, log.body)
    if event is None:
        raise ValueError("the headers of the event are missing; accepted: ce-id, ce-type and ce-inferenceservicename")
    return kserve_outcomes(event, log)


def kserve_outcomes(event: Event, log: Log) -> list[Outcome]:
    """What one event of KServe's logger is. Raises ValueError naming what it lacks."""
    side = _SIDES.get(event.type)
    if side is None:
        raise ValueError(f"event type {event.type!r} is not known; accepted: {', '.join(_SIDES)}")
    about = event.attributes
    service, component, endpoint = (about.get(name, "") for name in ("inferenceservicename", "component", "endpoint"))
    if component == _EXPLAINER:
        return []
    if not about.get("id"):
        raise ValueError("ce-id is missing, which joins request and response")
    key = " ".join(("kserve", about["id"], about.get("namespace", ""), service, component, endpoint))
    model = (service if component in _PREDICTOR else f"{service}/{component}") if service else None
    mapping = log.mapping_of(model)
    return [
        read_half(
            side,
            event,
            mapping,
            key=key,
            request_id=about["id"],
            model=model,
            time=event.moment("time", mapping),
            times_call="recordedtime" in about,
            tags={"endpoint": endpoint} if endpoint else {},
        )
    ]
