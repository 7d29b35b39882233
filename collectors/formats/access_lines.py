"""Reading logs line by line: what the formats of access logs share.

A call is one prediction record without features: its status, its latency where the line has one, its time. A line
without an id gets one made from itself, so the same log read twice counts once.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from collectors.formats.endpoint_paths import Called, prediction_request
from collectors.formats.reading import refusal
from collectors.formats.registry import Decoded, Log
from collectors.units import as_moment
from collectors.wire import WirePrediction

STRETCH = 10_000
HEAD = 65_536
"""How many bytes of a log `sniff` looks at: servers talk a while before the first request."""

_LONGEST = 16_384
"""What of a line is looked at: no access line is longer, and patterns stay quick on what is none."""

# What container runtimes put before each line: `docker logs -t`, and the files that Kubernetes keeps.
_CONTAINER = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) (?:(?:stdout|stderr) [FP] )?")

_JSON_ARRAY = re.compile(rb"\s*\[\s*[\[{]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

ReadLine = Callable[[str, str | None], "WirePrediction | None"]
"""Line and the time a container runtime put before it → record, or None to skip it. Raises ValueError saying why."""


def any_line(log: Log, *patterns: re.Pattern[str]) -> bool:
    """Whether one of the first lines matches any of the patterns; a log that is no text has none."""
    head = log.body[:HEAD]
    if b"\x00" in head[:1024] or _JSON_ARRAY.match(head):
        return False
    lines = [_bare(line[:_LONGEST])[0] for line in head.decode("utf-8", "replace").splitlines()]
    return any(pattern.match(line) for pattern in patterns for line in lines)


def decode_lines(log: Log, read: ReadLine) -> Iterator[Decoded]:
    """Every line through `read`. What it returns None for is skipped and counted; empty lines are not counted."""
    decoded, index = Decoded(places=[]), 0
    seen: Counter[str] = Counter()
    for raw in log.body.splitlines():
        if not raw.strip():
            continue
        line, time = _bare(raw[:_LONGEST].decode("utf-8", "replace"))
        try:
            record = read(line, time)
        except ValueError as error:
            decoded.refusals.append(refusal(index, str(error), None, raw))
        else:
            _put(decoded, record, index, line, seen, log)
        index += 1
        if index % STRETCH == 0:
            yield decoded
            decoded = Decoded(places=[])
    yield decoded


def _put(decoded: Decoded, record: WirePrediction | None, index: int, line: str, seen: Counter[str], log: Log) -> None:
    if record is None:
        decoded.skipped += 1
        return
    if record.prediction_id is None:
        seen[line] += 1
        record.prediction_id = _made_id(record, line, seen[line], log)
    decoded.records.append(record)
    assert isinstance(decoded.places, list)
    decoded.places.append(index)


def _made_id(record: WirePrediction, line: str, occurrence: int, log: Log) -> str:
    """An id that the same line of the same log always gets.

    A line with a time is told by its text. Without one, lines repeat: there the log's path and time and a running
    number, which goes on over the pieces of a log, tell them apart.
    """
    if record.event_time is not None:
        told = f"{line}\n{occurrence}"
    else:
        of_log = [log.path, str(log.at)]
        counted: dict[str, Any] = log.memory.get("untimed_lines") or {}
        number = counted["lines"] + 1 if counted.get("log") == of_log else 1
        log.memory["untimed_lines"] = {"log": of_log, "lines": number}
        told = f"{log.path}\n{log.at}\n{number}\n{line}"
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=16).hexdigest()


def call_record(
    log: Log,
    method: str,
    target: str | None,
    status: int | None,
    *,
    time: str | None = None,
    latency_ms: float | None = None,
    request_id: str | None = None,
    guessed_model: str | None = None,
    error: str | None = None,
    request_bytes: int | None = None,
    response_bytes: int | None = None,
) -> WirePrediction | None:
    """The record of one request, or None where it was no prediction; without a target it is known to be one.

    A model that the path names is the model. `guessed_model` is used only where nobody named one.
    Raises ValueError when a time is unreadable.
    """
    called = Called() if target is None else prediction_request(method, target, status, log.mapping.paths)
    if called is None:
        return None
    return WirePrediction(
        model=called.model or log.model or guessed_model,
        version=called.version,
        prediction_id=request_id or None,
        event_time=None if time is None else as_moment(time, log.mapping),
        latency_ms=latency_ms,
        status_code=status,
        error=error,
        sampling_fraction=log.mapping.sampling_fraction,
        request_bytes=request_bytes,
        response_bytes=response_bytes,
    )


def _bare(line: str) -> tuple[str, str | None]:
    """The line as the server wrote it, without colours, and the time before it."""
    if "\x1b" in line:
        line = _COLOUR.sub("", line)
    found = _CONTAINER.match(line)
    return (line[found.end() :], found[1]) if found else (line, None)
