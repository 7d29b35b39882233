"""OTLP traces: spans of calls to language models, spans of Evidently's tracely, and spans that a mapping can read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from collectors.formats.gathering import Outcome, gather
from collectors.formats.genai import call_of_span, is_call, is_genai, model_name
from collectors.formats.otlp_logs import mapped_record
from collectors.formats.otlp_messages import TRACE_PATHS, Event, Span, is_otlp, read_spans
from collectors.formats.reading import as_json
from collectors.formats.registry import Decoded, Log
from collectors.mapping import Mapper, maps
from collectors.wire import WirePrediction

_SCALAR = str | bool | int | float
_RESULTS = ("result", "result.prediction", "result.label", "result.class", "result.0")
_NO_FEATURES = ("user_id", "session_id", "tokens", "cost")
_LONGEST_FEATURE = 100
"""Longer texts are messages and documents: they stay where they are."""


class OtlpTraces:
    """Spans as any OpenTelemetry SDK or collector exports them; those that are no prediction are skipped."""

    name = "otlp-traces"
    title = "OpenTelemetry traces (OTLP)"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return is_otlp(log, TRACE_PATHS, "resourceSpans")

    def decode(self, log: Log) -> Iterator[Decoded]:
        mapper = Mapper(log.mapping, log.kind)
        return gather(read_spans(log), lambda span: _read(span, log, mapper), lambda span: as_json({"span": span.name}))

    def example(self) -> Log:
        attributes = [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.request.model", "value": {"stringValue": "small-1"}},
            {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "39"}},
        ]
        span = {
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174",
            "name": "chat small-1",
            "startTimeUnixNano": "1772622000000000000",
            "endTimeUnixNano": "1772622000250000000",
            "attributes": attributes,
        }
        return Log(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode(), path="/v1/traces")


def _read(span: Span, log: Log, mapper: Mapper) -> Iterable[Outcome]:
    if maps(log.mapping):
        return _mapped(span, log, mapper)
    if is_genai(span.attributes):
        return [call_of_span(span, log)] if is_call(span.attributes) else []
    if any(name.startswith("evidently.") for name in span.resource):
        return _traced_function(span, log)
    return []


def _mapped(span: Span, log: Log, mapper: Mapper) -> list[Outcome]:
    otel = {"trace_id": span.trace_id, "span_id": span.span_id, "name": span.name}
    sent = {"attributes": span.attributes, "resource": span.resource, "otel": otel} | span.attributes
    if not mapper.knows(sent):
        return []
    event = Event(span.name, None, span.attributes, span.end, span.trace_id, span.span_id, span.resource, span.scope)
    outcomes = mapped_record(mapper, sent, event, log)
    for record in outcomes:
        if isinstance(record, WirePrediction):
            if "prediction_id" not in log.mapping.fields and span.span_id:
                record.prediction_id = span.span_id
            record.latency_ms = span.latency_ms if record.latency_ms is None else record.latency_ms
            record.error = record.error or span.error or None
    return outcomes


def _traced_function(span: Span, log: Log) -> list[Outcome]:
    """A call of a function that tracely traces: its arguments are the features, its result is the prediction."""
    results = {name: value for name, value in span.attributes.items() if name.split(".")[0] == "result"}
    if not results and not span.error:
        return []
    arguments = {name: value for name, value in span.attributes.items() if name not in results}
    record = WirePrediction(
        model=model_name(span.resource, log) or span.name,
        prediction_id=span.span_id or None,
        event_time=span.end,
        features={name: value for name, value in arguments.items() if _is_feature(name, value)},
        prediction=_prediction(results),
        scores=_scores(results),
        latency_ms=span.latency_ms,
        error=span.error or None,
        entity_id=str(arguments["user_id"])[:256] if arguments.get("user_id") else None,
        sampling_fraction=log.mapping.sampling_fraction,
    )
    return [record]


def _is_feature(name: str, value: Any) -> bool:
    if name.split(".")[0] in _NO_FEATURES or not isinstance(value, _SCALAR):
        return False
    return not isinstance(value, str) or (len(value) <= _LONGEST_FEATURE and "\n" not in value)


def _prediction(results: dict[str, Any]) -> Any:
    found = [results[name] for name in _RESULTS if name in results] or list(results.values())[: len(results) == 1]
    value = found[0] if found else None
    return value if _is_feature("", value) else None


def _scores(results: dict[str, Any]) -> dict[str, float] | None:
    """Numbers between 0 and 1 that sum to 1 are the probabilities of classes."""
    numbers = {
        name.removeprefix("result."): float(value)
        for name, value in results.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    }
    return numbers if len(numbers) > 1 and abs(sum(numbers.values()) - 1) < 1e-3 else None
