"""OTLP as it comes over HTTP or from a file: protobuf or JSON, made plain. The one home of OpenTelemetry's messages.

JSON differs from protobuf's own mapping in its ids, which are hexadecimal. The file exporter of an OpenTelemetry
collector writes one JSON message per line.
Source: open-telemetry/opentelemetry-proto, docs/specification.md.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from collectors.formats.gathering import Broken, first_object
from collectors.formats.reading import said
from collectors.formats.registry import Log

LOG_PATHS = ("/v1/logs",)
TRACE_PATHS = ("/v1/traces", "/api/v1/traces")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_FIELD = b"\n"  # protobuf's mark of field 1, with which every message begins
_JSON = re.compile(rb'\s*\{\s*["}]')
_HEX_ID = re.compile(r"[0-9a-fA-F]{16}(?:[0-9a-fA-F]{16})?")
# A lone half of a surrogate pair would end in a SystemError of protobuf's; msgspec refuses it first.
_UNREADABLE = (ParseError, msgspec.DecodeError, ValueError, TypeError, RecursionError)
_IDS = ("traceId", "spanId", "parentSpanId")


@dataclass(slots=True)
class Event:
    """A log record, or an event of a span: what happened, when, and to which span."""

    name: str
    body: Any
    attributes: dict[str, Any]
    time: datetime | None
    trace_id: str = ""
    span_id: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    scope: str = ""


@dataclass(slots=True)
class Span:
    """One operation. `latency_ms` is its duration; `error` says how it failed, "" where it did not."""

    name: str
    attributes: dict[str, Any]
    trace_id: str
    span_id: str
    end: datetime | None
    latency_ms: float | None
    error: str
    events: list[Event]
    resource: dict[str, Any]
    scope: str


def read_events(log: Log) -> Iterator[Event | Broken]:
    """The log records of a body; a Broken where it, or a line of it, is not readable."""
    for message in _messages(log, ExportLogsServiceRequest):
        if isinstance(message, Broken):
            yield message
            continue
        for sent, resource, scope in _walk(message.resource_logs, "scope_logs", "log_records"):
            yield _event(sent, resource, scope)


def read_spans(log: Log) -> Iterator[Span | Broken]:
    """The spans of a body; a Broken where it, or a line of it, is not readable."""
    for message in _messages(log, ExportTraceServiceRequest):
        if isinstance(message, Broken):
            yield message
            continue
        for sent, resource, scope in _walk(message.resource_spans, "scope_spans", "spans"):
            yield _span(sent, resource, scope)


def is_otlp(log: Log, paths: tuple[str, ...], key: str) -> bool:
    """Whether a body came to one of the paths, or is JSON with this key."""
    if any(log.path == path or log.path.endswith(path) for path in paths):
        return True
    return log.body[:1024].lstrip()[:1] == b"{" and next(iter(first_object(log.body)), None) == key


def otlp_answer(log: Log, refused: int, reason: str) -> bytes:
    """The answer to an export, in the content type it came in. `refused` records are not to be sent again.

    >>> otlp_answer(Log(b"{}", path="/v1/logs", headers={"content-type": "application/json"}), 2, "no model")
    b'{"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "no model"}}'
    """
    answer: Message
    if is_otlp(log, TRACE_PATHS, "resourceSpans"):
        answer = ExportTraceServiceResponse()
        if refused:
            answer.partial_success.rejected_spans = refused
    else:
        answer = ExportLogsServiceResponse()
        if refused:
            answer.partial_success.rejected_log_records = refused
    if refused and reason:
        answer.partial_success.error_message = reason.encode("utf-8", "replace").decode()
    binary: bytes = answer.SerializeToString()
    return MessageToJson(answer, indent=None).encode() if _is_json(log) else binary


def _is_json(log: Log) -> bool:
    kind = log.headers.get("content-type", "")
    if "json" in kind or "protobuf" in kind:
        return "json" in kind
    return bool(log.body) and (not log.body.startswith(_FIRST_FIELD) or bool(_JSON.match(log.body)))


def _messages(log: Log, kind: type[Message]) -> Iterator[Any]:
    if not _is_json(log):
        message = kind()
        try:
            message.ParseFromString(log.body)
        except (DecodeError, ValueError, RecursionError) as error:
            yield Broken(f"the body is no OTLP message: {said(error)}", log.body)
            return
        yield message
        return
    try:
        yield _from_json(msgspec.json.decode(log.body), kind)
        return
    except _UNREADABLE as error:
        lines = [line for line in log.body.splitlines() if line.strip()]
        if len(lines) < 2:
            yield Broken(f"the body is no OTLP message: {said(error)}", log.body)
            return
    for line in lines:
        try:
            yield _from_json(msgspec.json.decode(line), kind)
        except _UNREADABLE as error:
            yield Broken(f"the line is no OTLP message: {said(error)}", line)


def _from_json(sent: Any, kind: type[Message]) -> Message:
    message: Message = ParseDict(_with_base64_ids(sent), kind(), ignore_unknown_fields=True)
    return message


def _with_base64_ids(sent: Any) -> Any:
    """The same with ids as protobuf's own JSON has them; some exporters write them so at once."""
    if isinstance(sent, list):
        return [_with_base64_ids(each) for each in sent]
    if not isinstance(sent, dict):
        return sent
    return {
        key: b64encode(bytes.fromhex(value)).decode()
        if key in _IDS and isinstance(value, str) and _HEX_ID.fullmatch(value)
        else _with_base64_ids(value)
        for key, value in sent.items()
    }


def _walk(by_resource: Iterable[Any], scopes: str, records: str) -> Iterator[tuple[Any, dict[str, Any], str]]:
    """Every record with the attributes of its resource and the name of its scope: all signals are nested alike."""
    for each in by_resource:
        resource = _plain_map(each.resource.attributes)
        for scope in getattr(each, scopes):
            for sent in getattr(scope, records):
                yield sent, resource, scope.scope.name


def _event(sent: Any, resource: dict[str, Any], scope: str) -> Event:
    attributes = _plain_map(sent.attributes)
    return Event(
        name=sent.event_name or str(attributes.get("event.name", "")),
        body=_plain(sent.body),
        attributes=attributes,
        time=_time(sent.time_unix_nano or sent.observed_time_unix_nano),
        trace_id=_id(sent.trace_id),
        span_id=_id(sent.span_id),
        resource=resource,
        scope=scope,
    )


def _span(sent: Any, resource: dict[str, Any], scope: str) -> Span:
    attributes = _plain_map(sent.attributes)
    failed = sent.status.code == 2  # STATUS_CODE_ERROR
    error = str(attributes.get("error.type") or "") or (sent.status.message or "error" if failed else "")
    took = (sent.end_time_unix_nano - sent.start_time_unix_nano) / 1e6
    return Span(
        name=sent.name,
        attributes=attributes,
        trace_id=_id(sent.trace_id),
        span_id=_id(sent.span_id),
        end=_time(sent.end_time_unix_nano),
        latency_ms=took if sent.start_time_unix_nano and took >= 0 else None,
        error=error,
        events=[
            Event(event.name, None, _plain_map(event.attributes), _time(event.time_unix_nano)) for event in sent.events
        ],
        resource=resource,
        scope=scope,
    )


def _plain_map(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return _plain_map(value.kvlist_value.values)
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    return None if kind is None else getattr(value, kind)


def _time(nanoseconds: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None
    except OverflowError:
        return None


def _id(raw: bytes) -> str:
    return raw.hex() if any(raw) else ""
