"""A source with a real inbox behind it, read by a real runner; the inbox is looked into instead of a lake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collectors.collector import Collector
from collectors.inbox import Inbox
from collectors.payloads import label_records, prediction_records
from collectors.sources.registry import SourceContext
from collectors.sources.runner import SourceRunner, SourceState, decode_state
from monitor.config import CollectorSettings, SourceSettings
from monitor.db.database import Database
from monitor.lake import Kind


@dataclass
class Reading:
    """One source that a test reads; `restart` is what a new process does."""

    context: SourceContext
    inbox_path: Path
    inbox: Inbox = field(init=False)
    runner: SourceRunner = field(init=False)

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self.inbox = Inbox(self.inbox_path, self.context.limits.inbox_max_bytes)
        self.runner = SourceRunner(self.context, Collector(self.inbox, self.context.limits))

    def read(self) -> list[str]:
        """Read what is there now; the ids of all predictions in the inbox, in the order they came."""
        while self.runner.read_available():
            pass
        return self.ids()

    def ids(self, kind: Kind = Kind.PREDICTIONS) -> list[str]:
        return [record.prediction_id for record in self.records(kind)]

    def records(self, kind: Kind = Kind.PREDICTIONS) -> list[Any]:
        unpack: Callable[[Any], list[Any]] = prediction_records if kind is Kind.PREDICTIONS else label_records
        rows = [
            row
            for model, its in self.inbox.waiting()
            if its is kind
            for row in map(self.inbox.load, self.inbox.rows(model, its, 10**9))
        ]
        return [record for row in sorted(rows, key=lambda row: row.id) for record in unpack(row)]

    def refused(self) -> list[str]:
        return [row.reason for row in self.inbox.refused()]

    def state(self) -> SourceState:
        return decode_state(self.inbox.checkpoint(self.context.name))

    def restart(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self.runner.close()
        self.inbox.close()


MakeReading = Callable[..., Reading]


@dataclass
class Clock:
    """Stands where a test puts it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def reading(tmp_path: Path, clock: Clock) -> Iterator[MakeReading]:
    """Make a source of its settings; a model `m` is meant where a record names none."""
    made: list[Reading] = []

    def build(kind: str, db: Database | None = None, limits: dict[str, Any] | None = None, **settings: Any) -> Reading:
        named = SourceSettings(**{"kind": kind, "model": "m", "format": "json"} | settings)
        context = SourceContext("test", named, CollectorSettings(**limits or {}), clock, db)
        made.append(Reading(context, tmp_path / f"inbox{len(made)}" / "inbox.sqlite"))
        return made[-1]

    yield build
    for each in made:
        each.close()


def line(prediction_id: str, **fields: Any) -> bytes:
    return json.dumps({"prediction_id": prediction_id, "features": {"x": 1}, "prediction": 1} | fields).encode() + b"\n"


def lines(*ids: str) -> bytes:
    return b"".join(map(line, ids))
