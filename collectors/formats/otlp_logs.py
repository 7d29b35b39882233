"""OTLP logs: BentoML's monitoring records, events of generative AI, and bodies that a mapping can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from collectors.formats.bentoml import bentoml_record
from collectors.formats.gathering import Outcome, gather
from collectors.formats.genai import DETAILS, EVALUATION, call_of_event, label_of_evaluation, model_name
from collectors.formats.otlp_messages import LOG_PATHS, Event, is_otlp, otlp_answer, read_events
from collectors.formats.reading import as_json
from collectors.formats.registry import Decoded, Log
from collectors.mapping import Mapper, find, maps
from collectors.wire import WireLabel, WirePrediction
from monitor.log_paths import parse_path

__all__ = ["OtlpLogs", "otlp_answer"]
_OWN_NAMES = ("prediction", "features", "label", "score", "scores")


class OtlpLogs:
    """Log records as any OpenTelemetry SDK or collector exports them, over HTTP or to a file."""

    name = "otlp-logs"
    title = "OpenTelemetry logs (OTLP)"
    media_types = ("application/x-protobuf",)
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return is_otlp(log, LOG_PATHS, "resourceLogs")

    def decode(self, log: Log) -> Iterator[Decoded]:
        mapper = Mapper(log.mapping, log.kind)
        return gather(read_events(log), lambda event: _read(event, log, mapper), _spelled)

    def example(self) -> Log:
        values = [
            {"key": "prediction_id", "value": {"stringValue": "a-1"}},
            {"key": "age", "value": {"intValue": "39"}},
            {"key": "prediction", "value": {"stringValue": "<=50K"}},
        ]
        record = {"timeUnixNano": "1772622000000000000", "body": {"kvlistValue": {"values": values}}}
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        return Log(json.dumps(body).encode(), model="income", path="/v1/logs")


def _read(event: Event, log: Log, mapper: Mapper) -> Iterable[Outcome]:
    body = _body(event.body)
    if isinstance(body, dict) and ("bento_meta" in body or event.scope.startswith("bentoml_monitor")):
        return bentoml_record(body, log.memory, log.mapping, log.model, log.path)
    if event.name.startswith("gen_ai."):
        return _genai(event, log)
    body = body if isinstance(body, dict) else {}
    otel = {"trace_id": event.trace_id, "span_id": event.span_id, "event": event.name, "body": event.body}
    sent = {"attributes": event.attributes, "resource": event.resource, "otel": otel} | event.attributes | body
    if not (mapper.knows(sent) if maps(log.mapping) else any(name in body for name in _OWN_NAMES)):
        return []
    features = None if maps(log.mapping) else body
    return mapped_record(mapper, sent if features is None else features, event, log)


def _spelled(event: Event) -> bytes:
    """What quarantine keeps of a refused record: of an event of generative AI its name, the rest may be a prompt."""
    return as_json({"event": event.name} if event.name.startswith("gen_ai.") else event.body)


def mapped_record(mapper: Mapper, sent: dict[str, Any], event: Event, log: Log) -> list[Outcome]:
    """The record of a mapping, with what OpenTelemetry knows where the mapping says nothing. Raises ValueError."""
    record = mapper.read(sent)
    if record is None:
        return []
    if isinstance(record, str):
        raise ValueError(record)
    record.model = record.model or model_name(event.resource, log)
    if isinstance(record, WirePrediction):
        record.event_time = record.event_time or event.time
        # An export may be repeated; what is the same twice counts once.
        told = as_json([sent, str(event.time), event.span_id])
        record.prediction_id = record.prediction_id or hashlib.blake2b(told, digest_size=16).hexdigest()
    elif isinstance(record, WireLabel):
        record.label_time = record.label_time or event.time
    return [record]


def _genai(event: Event, log: Log) -> list[Outcome]:
    if any(str(find(event.attributes, text, parse_path(text))) != wanted for text, wanted in log.mapping.where.items()):
        return []
    if event.name == EVALUATION:
        label = label_of_evaluation(event, log)
        return [] if label is None else [label]
    return [call_of_event(event, log)] if event.name == DETAILS else []  # messages are not looked at


def _body(body: Any) -> Any:
    if isinstance(body, str) and body[:1] == "{":
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            pass
    return body
