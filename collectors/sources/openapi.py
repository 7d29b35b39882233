"""How the HTTP source describes itself: the fragment of the OpenAPI document that the application adds to its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from collectors.sources.http import PATHS
from collectors.sources.otlp import OTLP_PATHS
from collectors.sources.receiver import LONGEST_KEY
from collectors.wire import WireLabel, WirePrediction
from monitor.lake import Kind

_WIRE = {Kind.PREDICTIONS: WirePrediction, Kind.LABELS: WireLabel}
_OUTCOME = {
    "type": "object",
    "required": ["accepted", "refused", "refused_total"],
    "properties": {
        "accepted": {"type": "integer", "description": "How many records are durable."},
        "refused": {
            "type": "array",
            "maxItems": 100,
            "description": "The first 100 refused records; all of them are in quarantine.",
            "items": {
                "type": "object",
                "required": ["index", "reason"],
                "properties": {"index": {"type": "integer"}, "reason": {"type": "string"}},
            },
        },
        "refused_total": {"type": "integer"},
        "skipped": {"type": "integer", "description": "Lines that are no prediction: health checks and the like."},
    },
}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_ANSWERS = {
    202: ("Every accepted record is durable; refused ones are listed.", _OUTCOME),
    400: ("The body can't be read at all.", _ERROR),
    401: ("A valid API key is needed.", _ERROR),
    403: ("The API key has another role.", _ERROR),
    409: (
        "The Idempotency-Key came before with something else; the body is in quarantine.",
        _ERROR,
    ),
    413: ("The body is too large, or has too many records.", _ERROR),
    415: ("The Content-Type or Content-Encoding is not known.", _ERROR),
    422: ("No record was accepted.", _OUTCOME),
    429: ("Too much at a time, or all of this source is refused; try again after Retry-After seconds.", _ERROR),
    503: ("The inbox or the disk is full, or can't be written; try again after Retry-After seconds.", _ERROR),
}
_EXPORT = {"type": "object", "description": "An OTLP export; what it holds is read as far as it is predictions."}
_EXPORTED = {"type": "object", "description": "OTLP's own answer, in the Content-Type of the export."}
_WHAT = {"otlp-logs": "logs", "otlp-traces": "traces"}


def openapi_paths() -> dict[str, Any]:
    """The `paths` of the collector, complete in themselves (no references)."""
    paths = {path: {"post": _operation(kind)} for kind, path in PATHS.items()}
    return paths | {path: {"post": _export(path, name)} for path, name in OTLP_PATHS.items()}


def _export(path: str, format_name: str) -> dict[str, Any]:
    """OpenTelemetry's own operation, under each of its paths."""
    what = _WHAT[format_name]
    answers = {status: _ANSWERS[status] for status in (400, 401, 403, 413, 415, 429, 503)}
    text = "What could be read is durable; what was refused is in quarantine, and counted as rejected."
    return {
        "operationId": "export_" + path.strip("/").replace("/", "_"),
        "summary": f"Export {what} (OpenTelemetry)",
        "tags": ["collector"],
        "parameters": [_parameter("query", "model", "The model of records that name none.")],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _EXPORT},
                "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": _responses({200: (text, _EXPORTED)} | answers),
    }


def _operation(kind: Kind) -> dict[str, Any]:
    record = _record_schema(kind)
    many = {"type": "array", "items": record}
    envelope = {"type": "object", "required": ["records"], "properties": {"records": many}}
    return {
        "operationId": f"send_{kind}",
        "summary": f"Send {kind}",
        "tags": ["collector"],
        "parameters": [
            _parameter("query", "model", "The model of records that name none."),
            _parameter("query", "version", "The version of records that name none."),
            _parameter("query", "format", "Name of the log format, or auto; else Content-Type says it."),
            _parameter("header", "Idempotency-Key", "A repeat with this key gets the first answer.", LONGEST_KEY),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [record, many, envelope]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": _responses(_ANSWERS),
    }


def _responses(answers: Mapping[int, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    return {
        str(status): {"description": text, "content": {"application/json": {"schema": schema}}}
        for status, (text, schema) in sorted(answers.items())
    }


def _record_schema(kind: Kind) -> dict[str, Any]:
    wire = _WIRE[kind]
    _, components = msgspec.json.schema_components([wire])
    schema: dict[str, Any] = components[wire.__name__]
    return schema


def _parameter(place: str, name: str, description: str, longest: int = 200) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": longest}
    return {"in": place, "name": name, "description": description, "schema": schema}
