"""What `benchmarks.ingest` sends: predictions of 22 fields, each with an id of its own, one or a thousand at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from benchmarks.load import post

RECORDS = 1000
PATH = "/v1/predictions"
_MARK = "########"


def predictions(count: int, start: datetime) -> bytes:
    """Predictions of 8 fields and 14 features each; `_MARK` stands in their ids."""
    records = [
        {
            "model": "income",
            "version": "3",
            "prediction_id": f"{_MARK}-{i}",
            "event_time": start - timedelta(milliseconds=i),
            "features": {f"num_{k}": i * 0.37 + k for k in range(10)} | {f"cat_{k}": f"v{i % 7}" for k in range(4)},
            "prediction": i % 2,
            "score": i / RECORDS,
            "latency_ms": 12.5,
            "status_code": 200,
        }
        for i in range(count)
    ]
    return msgspec.json.encode(records if count > 1 else records[0])


def requests(port: int, count: int) -> Callable[[], bytes]:
    """Makes requests of so many new records each."""
    pieces = predictions(count, datetime.now(UTC)).split(_MARK.encode())
    numbers = itertools.count(int(datetime.now(UTC).timestamp() * 1000) % 10**9)
    return lambda: post(PATH, (b"%012d" % next(numbers)).join(pieces), port)
