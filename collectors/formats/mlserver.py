"""MLServer over Kafka, or bodies that its CloudEvents middleware has marked.

In Kafka the value is a V2 body, the key the request's id (it wins over the body's), and the headers name the model:
`mlserver-model`, `mlserver-version`. The middleware writes CloudEvents 0.3 attributes into `parameters.headers` of the
body: Ce-Type, Ce-Requestid, Ce-Modelid. Neither has a time: calls have the message's, and no latency.

Source: SeldonIO/MLServer, mlserver/kafka and mlserver/cloudevents.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collectors.calls.paths import look_up
from collectors.formats.cloud_events import Event, binary_event, decode_events, mentions, read_half
from collectors.formats.gathering import Outcome, first_object, read_objects
from collectors.formats.open_inference import side_of
from collectors.formats.reading import shown
from collectors.formats.registry import Decoded, Log
from collectors.formats.seldon import TYPE

MODEL = "mlserver-model"
KAFKA_KEY = "kafka-key"
"""The header under which the Kafka source hands on the key of a message."""


class MlServer:
    """V2 bodies of MLServer's Kafka topics, or with CloudEvents attributes inside."""

    name = "mlserver"
    title = "MLServer"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        if binary_event(log.headers, b"") is not None or not (MODEL in log.headers or mentions(log.body, b'"headers"')):
            return False
        first = first_object(log.body)
        marked = _attributes(first).get("type", "").startswith(TYPE)
        return side_of(first) is not None and (MODEL in log.headers or marked)

    def decode(self, log: Log) -> Iterator[Decoded]:
        return decode_events(read_objects(log.body), lambda sent: _read(sent, log))

    def example(self) -> Log:
        body = (
            b'{"inputs": [{"name": "age", "shape": [1, 1], "datatype": "INT64", "data": [39]}], '
            b'"parameters": {"headers": {"Ce-Type": "io.seldon.serving.inference.request", '
            b'"Ce-Requestid": "a-1", "Ce-Modelid": "income"}}}'
        )
        return Log(body)


def _read(sent: dict[str, Any], log: Log) -> list[Outcome]:
    side = side_of(sent)
    if side is None:
        raise ValueError(f"the body has the keys {shown(list(sent))}; accepted: inputs or outputs, arrays of tensors")
    about = _attributes(sent)
    request_id = log.headers.get(KAFKA_KEY) or about.get("requestid") or about.get("id") or sent.get("id")
    if not isinstance(request_id, str) or not request_id:
        raise ValueError("the request has no id; accepted: the message's key, Ce-Requestid, or id in the body")
    model = log.headers.get(MODEL) or about.get("modelid") or sent.get("model_name")
    half = read_half(
        side,
        Event({}, value={**sent, "id": request_id}),
        log.mapping_of(model if isinstance(model, str) else None),
        key=f"mlserver {model or log.model or ''} {request_id}",
        request_id=request_id,
        model=str(model) if model else None,
        version=log.headers.get("mlserver-version") or None,
        time=log.at,
    )
    return [half]


def _attributes(sent: Mapping[str, Any]) -> dict[str, str]:
    """The CloudEvents attributes inside a body: lower case, without ce-."""
    headers = look_up(sent, "parameters.headers")
    named = headers.items() if isinstance(headers, dict) else ()
    return {name.lower().removeprefix("ce-"): value for name, value in named if isinstance(value, str)}
