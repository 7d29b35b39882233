"""JSON access logs of nginx and Envoy, under the key names that are usual for their variables.

A mapping's `fields` say where status_code, latency_ms, event_time, prediction_id, model and so on are when a log uses
other names. A request is a prediction when its method and path say so (see `endpoint_paths`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.formats.access_lines import call_record
from collectors.formats.gathering import Outcome, first_object, gather, read_objects
from collectors.formats.moments import read_time
from collectors.formats.reading import as_json
from collectors.formats.registry import Decoded, Log
from collectors.mapping import find
from collectors.units import as_milliseconds, as_moment, as_status
from collectors.wire import MAX_NAME_LENGTH, WirePrediction
from monitor.log_paths import parse_path

_UNSET = (None, "", "-")


@dataclass(frozen=True)
class _Keys:
    """The keys under which a proxy's variables are usually logged; the first that is there counts."""

    status: tuple[str, ...]
    latency: tuple[str, ...]
    latency_unit: str
    time: tuple[str, ...]
    request_id: tuple[str, ...]
    method: tuple[str, ...]
    path: tuple[str, ...]
    flags: tuple[str, ...] = ()
    request_bytes: tuple[str, ...] = ()
    response_bytes: tuple[str, ...] = ()


_NGINX = _Keys(
    status=("status",),
    latency=("request_time", "upstream_response_time"),
    latency_unit="s",
    time=("time_iso8601", "msec", "time", "timestamp", "@timestamp"),
    request_id=("request_id", "req_id"),
    method=("request_method", "method"),
    path=("request_uri", "uri", "request"),
    request_bytes=("request_length", "content_length"),
    response_bytes=("body_bytes_sent", "bytes_sent"),
)
_ENVOY = _Keys(
    status=("response_code",),
    latency=("duration",),
    latency_unit="ms",
    time=("start_time",),
    request_id=("x_request_id", "request_id", "x-request-id"),
    method=("method", "request_method"),
    path=("x_envoy_original_path", "path", "request_path", "x-envoy-original-path"),
    flags=("response_flags",),
    request_bytes=("bytes_received",),
    response_bytes=("bytes_sent",),
)


class _JsonAccess:
    """What the two have in common: one JSON object per request."""

    keys: _Keys
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        first = first_object(log.body)
        return all(any(key in first for key in keys) for keys in (self.keys.status, self.keys.latency, self.keys.path))

    def decode(self, log: Log) -> Iterator[Decoded]:
        def read(line: dict[str, Any]) -> list[Outcome]:
            record = _call(log, line, self.keys)
            return [] if record is None else [record]

        return gather(read_objects(log.body), read)


class NginxAccess(_JsonAccess):
    """nginx: latency in seconds, `-` where nothing was asked upstream, several values where it was asked twice."""

    name = "nginx"
    title = "nginx access log (JSON)"
    keys = _NGINX

    def example(self) -> Log:
        return Log(
            b'{"time_iso8601": "2026-03-04T10:00:00+00:00", "request_method": "POST", "request_uri": "/predict", '
            b'"status": "200", "request_time": "0.012", "request_id": "f1e2d3c4"}\n',
            model="income",
        )


class EnvoyAccess(_JsonAccess):
    """Envoy and Istio: latency in ms, numbers that may be text, code 0 where the client vanished."""

    name = "envoy"
    title = "Envoy access log (JSON)"
    keys = _ENVOY

    def example(self) -> Log:
        return Log(
            b'{"start_time": "2026-03-04T10:00:00.000Z", "method": "POST", "path": "/v2/models/income/infer", '
            b'"response_code": 200, "response_flags": "-", "duration": 12, "x_request_id": "f1e2d3c4"}\n'
        )


def _call(log: Log, line: Mapping[str, Any], keys: _Keys) -> WirePrediction | None:
    target, method = str(_first(line, keys.path) or "/"), _first(line, keys.method)
    if " " in target:  # nginx's $request is the whole request line
        method, target = target.split()[:2]
    status = _field(log, line, "status_code", keys.status)
    code = None if status is None else as_status(status)
    record = call_record(
        log,
        str(method or "POST").upper(),
        target,
        code or None,
        latency_ms=_latency(log, line, keys),
        request_id=_text(_field(log, line, "prediction_id", keys.request_id)),
        error=_error(code, _first(line, keys.flags)),
        request_bytes=_size(_field(log, line, "request_bytes", keys.request_bytes)),
        response_bytes=_size(_field(log, line, "response_bytes", keys.response_bytes)),
    )
    if record is None:
        return None
    record.event_time = _time(log, line, keys)
    record.model = _text(_field(log, line, "model", ())) or record.model
    record.version = _text(_field(log, line, "version", ())) or record.version
    record.entity_id = _text(_field(log, line, "entity_id", ()))
    tags = {name: _text(_field(log, line, name, ())) for name in log.mapping.fields if name.startswith("tags.")}
    record.tags = {name.removeprefix("tags."): value for name, value in tags.items() if value is not None}
    return record


def _latency(log: Log, line: Mapping[str, Any], keys: _Keys) -> float | None:
    if "latency_ms" in log.mapping.fields:
        value, unit = _field(log, line, "latency_ms", ()), str(log.mapping.latency_unit)
    else:
        value, unit = _first(line, keys.latency), keys.latency_unit
    if isinstance(value, str):  # one value per upstream that was asked, and `-` for one that did not answer
        tried = [part.strip() for part in value.replace(" : ", ",").split(",") if part.strip() not in _UNSET]
        return sum(as_milliseconds(each, unit) for each in tried) if tried else None
    return None if value is None else as_milliseconds(value, unit)


def _size(value: Any) -> int | None:
    """A number of bytes; what is none of the usual keys' values is left out, as nobody asked for it."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _time(log: Log, line: Mapping[str, Any], keys: _Keys) -> Any:
    if "event_time" in log.mapping.fields:
        value = _field(log, line, "event_time", ())
        return None if value is None else as_moment(value, log.mapping)
    value = _first(line, keys.time)
    if isinstance(value, str) and value.replace(".", "", 1).isdigit():
        value = float(value)  # nginx's $msec
    if isinstance(value, int | float):
        return read_time(float(value))
    return None if value is None else read_time(value, log.mapping, "event_time")


def _error(code: int | None, flags: Any) -> str | None:
    """Why a call failed, as far as the proxy knows: Envoy's flags say what it had to do itself."""
    told = "" if flags in _UNSET else f"Envoy's response flags: {flags}"
    if code == 0:
        return f"the client vanished before the answer. {told}".rstrip(". ")
    return told or None if code is not None and code >= 400 else None


def _field(log: Log, line: Mapping[str, Any], name: str, keys: tuple[str, ...]) -> Any:
    """The value where the mapping says the field is, else under one of the usual keys."""
    if name in log.mapping.constants:
        return log.mapping.constants[name]
    text = log.mapping.fields.get(name)
    if text is None:
        return _first(line, keys)
    value = find(line, text, parse_path(text))
    return None if not isinstance(value, str | int | float) or value in _UNSET else value


def _first(line: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((line[key] for key in keys if key in line and line[key] not in _UNSET), None)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return (value if isinstance(value, str) else as_json(value).decode())[:MAX_NAME_LENGTH]
