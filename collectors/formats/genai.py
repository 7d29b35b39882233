"""OpenTelemetry's conventions for generative AI: spans and events of calls to language models.

A call is a prediction: its features are the request's settings and the counts of tokens, the finish reason is what was
predicted, the span's duration is the latency. What was asked and answered is never taken in: prompts and completions
may hold anything. An evaluation is the label of the call whose span it belongs to.
Source: open-telemetry/semantic-conventions-genai (state: development).
"""

from __future__ import annotations

from typing import Any

from collectors.formats.otlp_messages import Event, Span
from collectors.formats.registry import Log
from collectors.wire import WireLabel, WirePrediction
from monitor.records import Scalar

DETAILS = "gen_ai.client.inference.operation.details"
EVALUATION = "gen_ai.evaluation.result"
_PREFIX = "gen_ai."
_CALLS = ("chat", "generate_content", "text_completion", "embeddings")  # tools and agents are made of these
_FEATURES = (
    *("operation.name", "provider.name", "system", "output.type", "agent.name", "prompt.name"),
    *("request.model", "request.temperature", "request.top_p", "request.top_k", "request.max_tokens"),
    *("request.frequency_penalty", "request.presence_penalty", "request.choice.count", "request.stream"),
    *("usage.input_tokens", "usage.output_tokens", "usage.cache_read.input_tokens", "usage.reasoning.output_tokens"),
    *("usage.cache_creation.input_tokens", "usage.prompt_tokens", "usage.completion_tokens"),
)
_SCALAR = str | bool | int | float
_LONGEST_TEXT = 200


def is_call(attributes: dict[str, Any]) -> bool:
    """Whether these are the attributes of a call to a model."""
    operation = attributes.get("gen_ai.operation.name")
    return operation in _CALLS if operation is not None else "gen_ai.request.model" in attributes


def is_genai(attributes: dict[str, Any]) -> bool:
    return any(name.startswith(_PREFIX) for name in attributes)


def call_of_span(span: Span, log: Log) -> WirePrediction:
    """The prediction that a span of a call is; an evaluation among its events is its label."""
    record = _call(span.attributes, span.resource, log)
    record.prediction_id = span.span_id or None
    record.event_time = span.end
    record.latency_ms = span.latency_ms
    record.error = record.error or span.error or None
    for event in span.events:
        if event.name == EVALUATION and (value := _evaluated(event.attributes)) is not None:
            record.label, record.label_time = value, event.time
    return record


def call_of_event(event: Event, log: Log) -> WirePrediction:
    """The prediction that the event with an operation's details is; it has its span's id, so both count once."""
    record = _call(event.attributes, event.resource, log)
    record.prediction_id = event.span_id or _text(event.attributes.get("gen_ai.response.id"))
    record.event_time = event.time
    return record


def label_of_evaluation(event: Event, log: Log) -> WireLabel | None:
    """The label that an evaluation gives to the call of its span; None where it has no result.

    Raises ValueError when it says of no call.
    """
    value = _evaluated(event.attributes)
    if value is None:
        return None
    prediction_id = event.span_id or _text(event.attributes.get("gen_ai.response.id"))
    if not prediction_id:
        raise ValueError("the evaluation belongs to no span and names no gen_ai.response.id")
    return WireLabel(
        prediction_id=prediction_id, label=value, model=model_name(event.resource, log), label_time=event.time
    )


def model_name(resource: dict[str, Any], log: Log) -> str | None:
    """Whose records these are: the source's model, else the service's name."""
    service = _text(resource.get("service.name"))
    return log.model or (None if service is None or service.startswith("unknown_service") else service)


def _call(attributes: dict[str, Any], resource: dict[str, Any], log: Log) -> WirePrediction:
    features: dict[str, Scalar] = {
        name: value for name in _FEATURES if isinstance(value := attributes.get(_PREFIX + name), _SCALAR)
    }
    error = _text(attributes.get("error.type"))
    reasons = attributes.get("gen_ai.response.finish_reasons")
    return WirePrediction(
        model=model_name(resource, log) or _text(attributes.get("gen_ai.request.model")),
        version=_text(attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model")),
        features=features,
        prediction=",".join(map(str, reasons)) if isinstance(reasons, list) and reasons else _text(reasons or None),
        error=error,
        status_code=int(error) if error and error.isascii() and error.isdigit() and 100 <= int(error) <= 599 else None,
        entity_id=_text(attributes.get("user.id") or attributes.get("enduser.id")),
        sampling_fraction=log.mapping.sampling_fraction,
    )


def _evaluated(attributes: dict[str, Any]) -> str | float | int | None:
    label = attributes.get("gen_ai.evaluation.score.label")
    value = attributes.get("gen_ai.evaluation.score.value")
    return label if isinstance(label, str) and label else value if isinstance(value, int | float) else None


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)[:_LONGEST_TEXT]
