"""What KServe's Python server writes: a timed line per call, latencies by request id, and uvicorn's access lines.

By default each call leaves a timing line (model, status, wall clock) and an access line (status). With
`--enable_latency_logging` a successful call has a third, with the caller's request id, before its timing line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.formats.access_lines import any_line, call_record, decode_lines
from collectors.formats.registry import Decoded, Log
from collectors.units import as_milliseconds, as_number
from collectors.wire import MAX_NAME_LENGTH, WirePrediction

_TIME = r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.,]\d+) "
_ACCESS = re.compile(
    _TIME + r"uvicorn\.access INFO:\s+\S+ \d+ - "
    r'"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" (?P<status>[1-5]\d\d)\b'
)
_TIMING = re.compile(
    _TIME + r"\d+ kserve\.trace kserve\.io\.(?P<route>\S+): (?P<seconds>[\d.e+-]+) "
    r"\['http_status:(?P<status>[1-5]\d\d)', 'http_method:(?P<method>[A-Z]+)', 'time:(?P<clock>wall|cpu)'\]"
)
# The path with dots for its slashes; a model's own dots are among them.
_MODEL = re.compile(r"(?P<protocol>v[12])\.models\.(?P<model>.+?)(?::predict|(?P<infer>\.infer))")
_LATENCY = re.compile(_TIME + r"\d+ kserve\.trace requestId: (?P<id>[^,]+), (?P<steps>preprocess_ms: .+)")
_STEP = re.compile(r"_ms: ([\d.e+-]+)")
_NO_ID = "N.A."
_MOST_WAITING = 100


class KServeLines:
    """Latency, status and model of every call; the request id too where latency logging is on."""

    name = "kserve-lines"
    title = "KServe server log"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return any_line(log, _ACCESS, _TIMING, _LATENCY)

    def decode(self, log: Log) -> Iterator[Decoded]:
        return decode_lines(log, _Reader(log).read)

    def example(self) -> Log:
        return Log(
            b"2026-03-04 03:54:29.610 524 kserve.trace kserve.io.v1.models.income:predict: 0.00087 "
            b"['http_status:200', 'http_method:POST', 'time:wall']\n"
        )


class _Reader:
    """Each call once, by the line that says most: its timing line, else its latency line, else its access line."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.timed = self._ever("kserve_timed", b"'time:wall'")
        self.measured = self._ever("kserve_measured", b"kserve.trace requestId: ")
        self.waiting: list[str | None] = log.memory.setdefault("kserve_ids", [])

    def _ever(self, key: str, mark: bytes) -> bool:
        """Whether this log has such lines, or an earlier piece of it had."""
        self.log.memory[key] = found = mark in self.log.body or bool(self.log.memory.get(key))
        return found

    def read(self, line: str, _: str | None) -> WirePrediction | None:
        if found := _LATENCY.match(line):
            return self._latency(found)
        if found := _TIMING.match(line):
            return self._timed_call(found) if found["clock"] == "wall" else None
        found = None if self.timed else _ACCESS.match(line)
        if found is None or (self.measured and found["status"] == "200"):
            return None
        return call_record(self.log, found["method"], found["target"], int(found["status"]), time=found["time"])

    def _latency(self, found: re.Match[str]) -> WirePrediction | None:
        request_id = None if found["id"] == _NO_ID else found["id"][:MAX_NAME_LENGTH]
        if self.timed:
            self.waiting.append(request_id)
            del self.waiting[:-_MOST_WAITING]
            return None
        total = sum(as_number(step, "a step's time") for step in _STEP.findall(found["steps"]))
        return call_record(
            self.log, "POST", None, 200, time=found["time"], latency_ms=total, request_id=request_id
        )  # the line names no model

    def _timed_call(self, found: re.Match[str]) -> WirePrediction | None:
        named = _MODEL.fullmatch(found["route"])
        if named is None:
            return None
        status = int(found["status"])
        return call_record(
            self.log,
            found["method"],
            f"/{named['protocol']}/models/{named['model']}{'/infer' if named['infer'] else ':predict'}",
            status,
            time=found["time"],
            latency_ms=as_milliseconds(found["seconds"], "s"),
            request_id=self._next_id() if status == 200 and found["method"] == "POST" else None,
        )

    def _next_id(self) -> str | None:
        """The id of the call that ended now: known only while no other call is between its two lines."""
        alone = len(self.waiting) == 1
        first = self.waiting.pop(0) if self.waiting else None
        if not alone:
            self.waiting[:] = [None] * len(self.waiting)
        return first if alone else None
