"""What tests of alerts share: a real HTTP server on loopback, and a model with an incident."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alerts.outgoing import Outgoing
from monitor import plugins
from monitor.config import OutgoingSettings
from monitor.db.database import Database
from monitor.db.incidents import find_incident, open_incident
from monitor.db.models import Incident, Model, ModelVersion, Monitor

SINCE = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
OPENED = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Keeps every request; gives the queued answers in turn, then 200. While `stalled`, it answers nothing."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.ready = threading.Event()
        self.ready.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append(Request(self.command, self.path, headers, body))
                receiver.ready.wait(10)
                answer = receiver.answers.pop(0) if receiver.answers else Answer()
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    pass  # the caller hung up: some tests are about that

            do_GET = do_POST  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.answers.append(Answer(status, {name.replace("_", "-"): text for name, text in headers.items()}, body))

    def stall(self) -> None:
        self.ready.clear()

    def close(self) -> None:
        self.ready.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def loopback() -> OutgoingSettings:
    return OutgoingSettings(allow_loopback=True, timeout_seconds=5)


@pytest.fixture
def outgoing(loopback: OutgoingSettings) -> Outgoing:
    return Outgoing(loopback)


@pytest.fixture
def fresh_plugins() -> Iterator[None]:
    """What is installed is looked up anew, and nothing that this test installs is remembered."""
    plugins._installed.cache_clear()
    yield
    plugins._installed.cache_clear()


EVIDENCE: dict[str, Any] = {
    "summary": "AUC 0.51, expected at least 0.66",
    "value": 0.51,
    "low": 0.66,
    "high": None,
    "n": 4812,
    "unit": "",
    "baseline": "held-out weeks",
    "window": {"start": "2026-03-03T11:00:00+00:00", "seconds": 86400},
    "windows_in_breach": 2,
    "columns": [
        {"name": "temp", "value": 0.41, "limit": 0.2, "p_value": 1e-9, "why": "moved up: median 36 → 71"},
        {"name": "plan", "value": 0.24, "limit": 0.2, "p_value": 1e-4, "why": "new category 'secret-plan' at 12 %"},
    ],
    "versions": [{"name": "2", "share": 0.97}],
}


class World:
    """A model `churn` whose version 2 replaced version 1 a day before the breach, and its incidents."""

    def __init__(self, db: Database) -> None:
        self.db = db
        with db.session() as session:
            model = Model(name="churn", created_at=SINCE - 30 * DAY)
            session.add(model)
            session.flush()
            self.model_id = model.id
        self.monitors: dict[str, int] = {}
        self.add_version("1", SINCE - 30 * DAY, SINCE - DAY)
        self.add_version("2", SINCE - DAY, SINCE + 2 * DAY)

    def add_version(self, name: str, first: datetime, last: datetime, predictions: int = 1000) -> None:
        with self.db.session() as session:
            session.add(
                ModelVersion(
                    model_id=self.model_id,
                    name=name,
                    first_event_time=first,
                    last_event_time=last,
                    predictions=predictions,
                )
            )

    def add_monitor(self, metric: str) -> int:
        if metric not in self.monitors:
            with self.db.session() as session:
                monitor = Monitor(
                    model_id=self.model_id,
                    name=f"churn-{metric}",
                    metric=metric,
                    window_seconds=86400,
                    threshold={"kind": "constant"},
                    created_at=SINCE,
                )
                session.add(monitor)
                session.flush()
                self.monitors[metric] = monitor.id
        return self.monitors[metric]

    def open(self, metric: str = "auc", now: datetime = OPENED, **changes: Any) -> Incident:
        monitor_id = self.add_monitor(metric)
        facts: dict[str, Any] = {
            "segment": "all",
            "severity": "warning",
            "title": f"{metric} below baseline",
            "since": SINCE,
            "evidence": EVIDENCE,
        }
        with self.db.session() as session:
            return open_incident(
                session, model_id=self.model_id, monitor_id=monitor_id, metric=metric, now=now, **(facts | changes)
            )

    def read(self, incident: Incident) -> Incident:
        with self.db.reading() as session:
            return find_incident(session, incident.id)


@pytest.fixture
def world(db: Database) -> World:
    return World(db)


@pytest.fixture
def lite(sqlite_db: Database) -> World:
    """The same on SQLite alone, for tests that are not about storage."""
    return World(sqlite_db)
