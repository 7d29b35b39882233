"""TorchServe's logs: access lines (`access_log.log`, or the console) and the metric lines of `model_metrics.log`.

Nothing joins the two: an access line has status and latency, a metric line the request's id and the handler's time.
So a metric line is a prediction only in a file of its own kind, and access lines are everywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from collectors.calls import model_of_path
from collectors.formats.access_lines import any_line, call_record, decode_lines
from collectors.formats.registry import Decoded, Log
from collectors.units import as_milliseconds, as_moment
from collectors.wire import MAX_NAME_LENGTH, WirePrediction

_TIME = r"(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[,.]\d+) (?:\[\w+ *\] \S+ )?"
_ACCESS = re.compile(
    _TIME
    + r'(?:ACCESS_LOG )?- /?\S+ "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" (?P<status>[1-5]\d\d) (?P<ms>\d+)\s*$'
)
_METRIC = re.compile(
    _TIME
    + r"(?:\S+ )?- (?P<metric>\w+)\.(?P<unit>\w+):(?P<value>[\d.E+-]+)\|#(?P<dimensions>[^|]*)(?:\|#(?P<about>.*))?$"
)
_UNITS = {"ms": "ms", "Milliseconds": "ms", "Microseconds": "us", "us": "us", "Seconds": "s", "s": "s"}
_WORKFLOW = re.compile(r"/wfpredict/([^/?]+)")


class TorchServe:
    """Calls with status and latency in ms; calls of the management interface and system metrics are left out."""

    name = "torchserve"
    title = "TorchServe log"
    media_types = ()
    by_lines = True

    def sniff(self, log: Log) -> bool:
        return any_line(log, _ACCESS, _METRIC)

    def decode(self, log: Log) -> Iterator[Decoded]:
        metrics = "model_metrics" in PurePosixPath(log.path).name

        def read(line: str, _: str | None) -> WirePrediction | None:
            if metrics:
                return _measured(log, line)
            found = _ACCESS.match(line)
            return None if found is None else _call(log, found)

        return decode_lines(log, read)

    def example(self) -> Log:
        return Log(
            b"2026-03-04 13:56:18,976 [INFO ] W-9000-income_1.0 ACCESS_LOG - /127.0.0.1:64003 "
            b'"POST /predictions/income HTTP/1.1" 200 118\n'
        )


def _call(log: Log, found: re.Match[str]) -> WirePrediction | None:
    """A call of a path that names a model, or of one that `paths` names; others are management's."""
    target = found["target"]
    workflow = _WORKFLOW.match(target)
    named = workflow or model_of_path(target)[0] or target.split("?")[0] == "/invocations"
    if not named and not log.mapping.paths:
        return None
    return call_record(
        log,
        found["method"],
        target,
        int(found["status"]),
        time=found["time"],
        latency_ms=as_milliseconds(found["ms"]),
        guessed_model=workflow[1] if workflow else None,
    )


def _measured(log: Log, line: str) -> WirePrediction | None:
    found = _METRIC.match(line)
    if found is None or found["metric"] != "PredictionTime" or found["unit"] not in _UNITS:
        return None
    named = dict(each.split(":", 1) for each in found["dimensions"].replace("|#", ",").split(",") if ":" in each)
    about = dict(each.split(":", 1) for each in (found["about"] or "").split(",") if ":" in each)
    # Older lines end with `…,TIME,ID`, newer ones with `requestID:ID,timestamp:TIME`.
    last = (found["about"] or "").rpartition(",")[2]
    request_id = about.get("requestID") or (last if ":" not in last else "")
    return WirePrediction(
        model=named.get("ModelName") or log.model,
        prediction_id=request_id.strip()[:MAX_NAME_LENGTH] or None,
        event_time=as_moment(found["time"], log.mapping),
        latency_ms=as_milliseconds(found["value"], _UNITS[found["unit"]]),
        sampling_fraction=log.mapping.sampling_fraction,
    )
