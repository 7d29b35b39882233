"""The client against the collector itself: what one writes, the other reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from deltalake import DeltaTable
from starlette.applications import Starlette

from collectors.client import PredictionLogger
from collectors.collector import Collector
from collectors.flusher import Flusher
from collectors.inbox import Inbox
from collectors.sources.http import Door
from monitor.access import KeyRing
from monitor.config import CollectorSettings
from monitor.db.database import Database
from monitor.db.keys import Role, create_key
from monitor.lake import Kind, Lake
from monitor.schemas import column_name


class RealCollector:
    def __init__(self, folder: Path, db: Database) -> None:
        settings = CollectorSettings()
        self.inbox = Inbox(folder / "inbox.sqlite", settings.inbox_max_bytes)
        self.lake = Lake(str(folder / "lake"))
        self.flusher = Flusher(self.inbox, self.lake, db, settings)
        door = Door(Starlette(), Collector(self.inbox, settings), KeyRing(db), lambda: datetime.now(UTC))
        self.server = uvicorn.Server(uvicorn.Config(door, port=0, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def rows(self, kind: Kind) -> list[dict[str, Any]]:
        self.flusher.flush(datetime.now(UTC))
        rows: list[dict[str, Any]] = DeltaTable(self.lake.uri("late", kind)).to_pyarrow_table().to_pylist()
        return sorted(rows, key=lambda row: str(row["prediction_id"]))

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.flusher.close()
        self.inbox.close()


@pytest.fixture
def real(tmp_path: Path, sqlite_db: Database) -> Iterator[RealCollector]:
    running = RealCollector(tmp_path, sqlite_db)
    yield running
    running.close()


def test_predictions_and_labels_reach_the_lake(real: RealCollector) -> None:
    moment = datetime(2026, 3, 4, 12, tzinfo=UTC)
    with PredictionLogger(real.url, "late", version="3") as logger:
        logger.log(
            features={"age": 31, "city": "Bern", "member": True, "income": float("nan")},
            prediction=1,
            prediction_id="p1",
            score=0.75,
            scores={"0": 0.25, "1": 0.75},
            latency_ms=3.5,
            status_code=200,
            tags={"country": "CH", "year": 2026},  # type: ignore[dict-item]  # people do pass numbers
            entity_id="user-9",
            event_time=moment,
        )
        logger.log(status_code=422, error="no weather", prediction_id="p2", event_time=moment.timestamp(), version="4")
        logger.log_label("p1", 0, label_time=moment)
        assert logger.flush(10)
        assert (logger.stats.acknowledged, logger.stats.dropped) == (3, {})
    first, second = real.rows(Kind.PREDICTIONS)
    assert (first["version"], first["prediction"], first["score"], first["event_time"]) == ("3", "1", 0.75, moment)
    assert dict(first["tags"]) == {"country": "CH", "year": "2026"}
    features = [first[column_name(name)] for name in ("age", "city", "member")]
    assert features == [31.0, "Bern", True]
    assert first["entity_id"] == "user-9"
    assert (second["version"], second["status_code"], second["error"]) == ("4", 422, "no weather")
    assert second["event_time"] == moment
    assert [(label["prediction_id"], label["label"]) for label in real.rows(Kind.LABELS)] == [("p1", "0")]


def test_what_the_collector_refuses_is_counted_under_its_reason(real: RealCollector) -> None:
    with PredictionLogger(real.url, "late", batch_seconds=60) as logger:
        logger.log(features={"a": 1}, prediction=1, event_time=datetime(2099, 1, 1, tzinfo=UTC))
        logger.log(features={"a": [1, 2]}, prediction=1)
        for _ in range(300):
            logger.log(features={"a": 1}, prediction=1, status_code=7)
        logger.log(features={"a": 1}, prediction=1, prediction_id="good")
        assert logger.flush(10)
        assert logger.stats.acknowledged == 1
        assert sum(logger.stats.dropped.values()) == 302
        assert any("lies in the future" in reason for reason in logger.stats.dropped)
    assert [row["prediction_id"] for row in real.rows(Kind.PREDICTIONS)] == ["good"]


def test_a_batch_that_is_sent_twice_is_stored_once(real: RealCollector, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    unreachable = PredictionLogger("http://127.0.0.1:9", "late", spool_dir=spool)
    unreachable.log(prediction=1, prediction_id="p1")
    unreachable.close()
    [batch] = spool.glob("*.batch")
    copy = batch.read_bytes()
    for _ in range(2):
        batch.write_bytes(copy)
        with PredictionLogger(real.url, "late", spool_dir=spool) as logger:
            assert logger.flush(10)
            assert logger.stats.acknowledged == 1
    assert len(real.rows(Kind.PREDICTIONS)) == 1


def test_a_wrong_key_is_counted_and_the_right_one_works(real: RealCollector, sqlite_db: Database) -> None:
    with sqlite_db.session() as session:
        key = create_key(session, "endpoint", Role.INGEST, datetime.now(UTC))
    for given, stored, dropped in (("wrong", 0, {"http 401": 1}), (key, 1, {})):
        with PredictionLogger(real.url, "late", api_key=given) as logger:
            logger.log(prediction=1)
            assert logger.flush(10)
            assert (logger.stats.acknowledged, logger.stats.dropped) == (stored, dropped)
