"""Ray Serve's logs: access lines of proxies and replicas, as text and as JSON, from its first layout to today's.

A call leaves a line at the proxy and one at every deployment it passes. They share the request id, so taken in as one
model they count once. Lines without an id (Ray before 2.4) are counted at the proxy only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from collectors.formats.access_lines import any_line, call_record, decode_lines
from collectors.formats.registry import Decoded, Log
from collectors.units import as_milliseconds, as_moment
from collectors.wire import MAX_NAME_LENGTH, WirePrediction

_TEXT = re.compile(
    r"(?:\([^)]+ pid=\d+[^)]*\) )?(?:INFO|WARNING|ERROR) (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d+) "
    r"(?P<component>\S+) (?P<component_id>\S+)(?= .*\dms\s*$)"
)
_MESSAGE = re.compile(
    r"(?:\S+:\d+ )?(?P<method>_*[A-Za-z]+_*) (?:(?P<route>\S+) )?(?P<status>[1-5]\d\d|OK|ERROR|CANCELLED) "
    r"(?P<ms>[\d.]+)ms"
)
_JSON = re.compile(r'\{(?=.*"message":)(?=.*"(?:component_name|deployment)":)')
_PLACE_IN_CODE = re.compile(r"\S+\.py:\d+$")
_PROXIES = ("proxy", "http_proxy", "grpc_proxy")
_HTTP = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class _Line(msgspec.Struct, kw_only=True):
    """One line of the JSON encoding; what else it has is of no use here."""

    message: str
    asctime: str | None = None
    timestamp_ns: int | None = None
    component_name: str = ""
    deployment: str | None = None
    application: str | None = None
    request_id: str | None = None


class RayServe:
    """Latency and status of every call, with the request id; the deployment names the model where nobody else does."""

    name = "ray-serve"
    title = "Ray Serve log"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return any_line(log, _TEXT, _JSON)

    def decode(self, log: Log) -> Iterator[Decoded]:
        def read(line: str, _: str | None) -> WirePrediction | None:
            found = _line_of(line)
            return None if found is None else _call(log, found)

        return decode_lines(log, read)

    def example(self) -> Log:
        return Log(
            b"INFO 2026-03-04 05:12:31,880 income atwo8nq0 067dc5a1-7a3a-4a6c-b7c4-2a4e4cd9a3a1 -- "
            b"CALL __call__ OK 7.0ms\n"
        )


def _line_of(line: str) -> _Line | None:
    if line.startswith("{"):
        try:
            return msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
    found = _TEXT.match(line)
    if found is None:
        return None
    rest = line[found.end() :]
    before, _, message = rest.partition(" -- " if " -- " in rest else " - ")
    about = [word for word in before.split() if not _PLACE_IN_CODE.match(word)]
    proxy = found["component"] in _PROXIES
    return _Line(
        message=message,
        asctime=found["time"],
        component_name=found["component"],
        deployment=None if proxy else found["component"],
        request_id=about[0] if about and not about[0].startswith("/") else None,
    )


def _call(log: Log, line: _Line) -> WirePrediction | None:
    found = _MESSAGE.fullmatch(line.message.strip())
    proxy = line.deployment is None
    if found is None or (line.request_id is None and not proxy):
        return None
    status = found["status"]
    about: dict[str, Any] = {
        "latency_ms": as_milliseconds(found["ms"]),
        "request_id": (line.request_id or "")[:MAX_NAME_LENGTH] or None,
        "guessed_model": line.deployment or line.application,
        "time": line.asctime,
        "error": None if status.isdigit() or status == "OK" else f"the deployment answered {status}",
    }
    # A call from deployment to deployment has no path; an older proxy writes none either.
    target = found["route"] if found["method"] in _HTTP else None
    if found["method"] in ("GET", "HEAD", "OPTIONS") and target is None:
        return None
    record = call_record(log, found["method"], target, int(status) if status.isdigit() else None, **about)
    if record is not None and record.event_time is None and line.timestamp_ns is not None:
        record.event_time = as_moment(line.timestamp_ns / 1e9)
    return record
