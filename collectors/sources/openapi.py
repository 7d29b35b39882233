"""How the HTTP source describes itself: the fragment of the OpenAPI document that the application adds to its own."""

from __future__ import annotations

from typing import Any

import msgspec

from collectors.sources.http import PATHS
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
    503: ("The inbox is full or can't be written; try again after Retry-After seconds.", _ERROR),
}


def openapi_paths() -> dict[str, Any]:
    """The `paths` of the collector, complete in themselves (no references)."""
    return {path: {"post": _operation(kind)} for kind, path in PATHS.items()}


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
            _parameter("header", "Idempotency-Key", "A repeat with this key gets the first answer.", LONGEST_KEY),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [record, many, envelope]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            str(status): {"description": text, "content": {"application/json": {"schema": schema}}}
            for status, (text, schema) in _ANSWERS.items()
        },
    }


def _record_schema(kind: Kind) -> dict[str, Any]:
    wire = _WIRE[kind]
    _, components = msgspec.json.schema_components([wire])
    schema: dict[str, Any] = components[wire.__name__]
    return schema


def _parameter(place: str, name: str, description: str, longest: int = 200) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": longest}
    return {"in": place, "name": name, "description": description, "schema": schema}
