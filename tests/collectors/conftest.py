"""A collector with all its parts: a real inbox, a real lake, a real control database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from collectors.collector import Collector, Request
from collectors.deliveries import Answer, Receipt
from collectors.flusher import Flusher
from collectors.inbox import Inbox
from monitor.config import CollectorSettings
from monitor.db.database import Database
from monitor.lake import Kind, Lake


@dataclass
class Rig:
    """One collector and everything behind it."""

    folder: Path
    db: Database
    settings: CollectorSettings
    now: datetime
    inbox: Inbox
    collector: Collector
    lake: Lake
    flusher: Flusher

    def send(self, sent: Any, kind: Kind = Kind.PREDICTIONS, **request: Any) -> Receipt:
        """Take a body (JSON, unless it is bytes) and store it, as a source does."""
        body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        taken = self.collector.take(body, Request(kind=kind, received_at=self.now, source="test", **request))
        return self.inbox.append(taken.delivery)

    def flush(self) -> Any:
        return self.flusher.flush(self.now)

    def stored(self, model: str, kind: Kind = Kind.PREDICTIONS) -> list[dict[str, Any]]:
        """The rows of one table of the lake."""
        if not self.lake.exists(model, kind):
            return []
        rows: list[dict[str, Any]] = DeltaTable(self.lake.uri(model, kind)).to_pyarrow_table().to_pylist()
        return rows

    def restart(self) -> None:
        """Close everything and open it again on the same files."""
        self.flusher.close()
        self.inbox.close()
        self.inbox = Inbox(self.folder / "inbox.sqlite", self.settings.inbox_max_bytes)
        self.collector = Collector(self.inbox, self.settings)
        self.flusher = Flusher(self.inbox, self.lake, self.db, self.settings)

    def close(self) -> None:
        self.flusher.close()
        self.inbox.close()


MakeRig = Callable[..., Rig]


def make(folder: Path, db: Database, now: datetime, **limits: Any) -> Rig:
    settings = CollectorSettings(**limits)
    inbox = Inbox(folder / "inbox.sqlite", settings.inbox_max_bytes)
    lake = Lake(str(folder / "lake"))
    flusher = Flusher(inbox, lake, db, settings)
    return Rig(folder, db, settings, now, inbox, Collector(inbox, settings), lake, flusher)


@pytest.fixture
def rig(tmp_path: Path, sqlite_db: Database, now: datetime) -> Iterator[Rig]:
    built = make(tmp_path, sqlite_db, now)
    yield built
    built.close()


@pytest.fixture
def make_rig(tmp_path: Path, sqlite_db: Database, now: datetime) -> Iterator[MakeRig]:
    """A collector with limits of one's own."""
    built: list[Rig] = []

    def build(**limits: Any) -> Rig:
        built.append(make(tmp_path / str(len(built)), sqlite_db, now, **limits))
        return built[-1]

    yield build
    for each in built:
        each.close()


def told(answer: Answer) -> Any:
    return json.loads(answer.body)


def prediction(prediction_id: str = "p-1", **fields: Any) -> dict[str, Any]:
    return {"model": "income", "prediction_id": prediction_id, "features": {"age": 39}, "prediction": 1} | fields
