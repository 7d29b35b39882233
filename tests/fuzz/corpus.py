"""What is damaged: each format's own example, the recordings that it recognises, and a few logs written for this."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from collectors.formats import Log, LogFormat, find_format, format_names, sniff_format
from monitor.lake import Kind

from .odd_tables import arrow_streams, parquet_files

RECORDINGS = Path(__file__).parents[1] / "recordings"
_LINES = 12
_MOST_BYTES = 65_536


def logs_of(log_format: LogFormat) -> list[Log]:
    """At least one log of this format, undamaged."""
    example = log_format.example()
    logs = [
        example,
        *MORE.get(log_format.name, list)(),
        *[log for log in recordings() if sniff_format(log) is log_format],
    ]
    if _is_text(example.body):
        logs.append(replace(example, body=(example.body.rstrip(b"\n") + b"\n") * 3))
    return logs


def all_examples() -> list[Log]:
    return [find_format(name).example() for name in format_names()]


@lru_cache
def recordings() -> tuple[Log, ...]:
    """Every recorded file under its path: its first lines, and one of them by itself; a binary one as it is."""
    logs = []
    for file in sorted(path for path in RECORDINGS.rglob("*") if path.is_file()):
        body, path = file.read_bytes()[:_MOST_BYTES], str(file.relative_to(RECORDINGS))
        lines = body.splitlines(keepends=True)
        parts = [b"".join(lines[:_LINES]), b"".join(lines[:1])] if _is_text(body) else [body]
        logs += [Log(part, path=path) for part in dict.fromkeys(parts)]
    return tuple(logs)


def _is_text(body: bytes) -> bool:
    try:
        return "\x00" not in body.decode()
    except UnicodeDecodeError:
        return False


PREDICTION: dict[str, Any] = {
    "model": "income", "version": "3", "prediction_id": "p-1", "event_time": "2026-03-04T11:59:00Z",
    "features": {"age": 39, "job": "clerk", "hours": 40.5, "paid": True, "gone": None}, "prediction": "<=50K",
    "score": 0.25, "scores": {"<=50K": 0.75, ">50K": 0.25}, "latency_ms": 12.5, "status_code": 200,
    "tags": {"country": "DE"}, "entity_id": "c-1", "sampling_fraction": 0.5,
}  # fmt: skip
LABEL = {"model": "income", "prediction_id": "p-1", "label": ">50K", "label_time": "2026-03-04T11:59:30Z"}


def ours() -> list[Log]:
    failure = {"model": "income", "prediction_id": "p-2", "status_code": 503, "error": "timeout"}
    both = {**PREDICTION, "prediction_id": "p-3", "label": 1, "label_time": 1772625540.5}
    predictions, labels = [PREDICTION, failure, both], [LABEL, {**LABEL, "label": 0.5}]
    return [
        Log(json.dumps(PREDICTION).encode()),
        Log(json.dumps(predictions).encode()),
        Log("\n".join(map(json.dumps, predictions)).encode()),
        Log(json.dumps(labels).encode(), Kind.LABELS),
        Log("\n".join(map(json.dumps, labels)).encode(), Kind.LABELS),
    ]


def csv_tables() -> list[Log]:
    predictions = (
        b"prediction_id,event_time,feature.age,feature.job,prediction,score,latency_ms,tag.country\n"
        b'p-1,2026-03-04T11:00:00Z,39,clerk,1,0.75,12.5,DE\np-2,2026-03-04 11:00:01,,"a ""b"", c",0,0.25,,\n'
    )
    labels = b"prediction_id,label,label_time\np-1,1,2026-03-04T11:00:00Z\np-2,0,1772625540\n"
    return [Log(predictions, model="income"), Log(labels, Kind.LABELS, model="income")]


MORE: dict[str, Callable[[], list[Log]]] = {
    "json": ours,
    "csv": csv_tables,
    "parquet": parquet_files,
    "arrow": arrow_streams,
}
"""Format → more logs of it than its example and the recordings."""
