"""Uvicorn's access lines: FastAPI, LitServe, MLflow and MLServer (with debug on) all write these."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.formats.access_lines import any_line, call_record, decode_lines
from collectors.formats.registry import Decoded, Log
from collectors.wire import WirePrediction

_LINE = re.compile(r'INFO:\s+\S+ - "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" (?P<status>[1-5]\d\d)\b')


class UvicornLines:
    """Status of every call; uvicorn writes no time, no latency and no id, so the log's own time is the event's."""

    name = "uvicorn"
    title = "uvicorn access lines"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return any_line(log, _LINE)

    def decode(self, log: Log) -> Iterator[Decoded]:
        def read(line: str, time: str | None) -> WirePrediction | None:
            found = _LINE.match(line)
            if found is None:
                return None
            return call_record(log, found["method"], found["target"], int(found["status"]), time=time)

        for decoded in decode_lines(log, read):
            for record in decoded.records:
                if isinstance(record, WirePrediction) and record.event_time is None:
                    record.event_time = log.at
            yield decoded

    def example(self) -> Log:
        return Log(b'INFO:     127.0.0.1:45396 - "POST /predict HTTP/1.1" 200 OK\n', model="income")
