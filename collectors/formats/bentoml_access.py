"""BentoML's access lines: status, latency and trace of every call, also of those its monitoring log leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.formats.access_lines import any_line, call_record, decode_lines
from collectors.formats.registry import Decoded, Log
from collectors.units import as_milliseconds
from collectors.wire import WirePrediction

_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\S+) \[\w+\] \[[^\]]*\] \S+ \(scheme=\w*,method=(?P<method>[A-Z]+),"
    r"path=(?P<target>[^,]*),[^)]*\) \(status=(?P<status>[1-5]\d\d),[^)]*\) (?P<ms>[\d.]+)ms "
    r"\(trace=(?P<trace>\w+),span=(?P<span>\w+),sampled=\d+(?:,service\.name=(?P<service>[^)]*))?\)"
)


class BentoMlAccess:
    """A call's id is its trace and span; the service names the model where nobody else does."""

    name = "bentoml-access"
    title = "BentoML access lines"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return any_line(log, _LINE)

    def decode(self, log: Log) -> Iterator[Decoded]:
        def read(line: str, _: str | None) -> WirePrediction | None:
            found = _LINE.match(line)
            if found is None:
                return None
            return call_record(
                log,
                found["method"],
                found["target"],
                int(found["status"]),
                time=found["time"],
                latency_ms=as_milliseconds(found["ms"]),
                request_id=f"{found['trace']}-{found['span']}"[:256],
                guessed_model=found["service"],
            )

        return decode_lines(log, read)

    def example(self) -> Log:
        return Log(
            b"2026-03-04T03:53:22+0000 [INFO] [entry_service:income:1] 127.0.0.1:58130 (scheme=http,method=POST,"
            b"path=/classify,type=application/json,length=76) (status=200,type=application/json,length=51) 1.237ms "
            b"(trace=f2c97c9e6f3343cdc2c3d37104f43109,span=3f989ccb7ff4c66f,sampled=0,service.name=income)\n"
        )
