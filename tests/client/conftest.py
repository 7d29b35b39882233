"""A small real collector on loopback that the client's tests talk to."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from collectors.client import PredictionLogger

Answer = tuple[int, dict[str, str], Any]
HANG_UP = 0


class LoopbackCollector:
    """Takes batches like the real one: 202 and a receipt, one record stored per idempotency key and place.

    `answers` holds what to say instead (HANG_UP: nothing), in turn; `requests` what came in. While `hold` is cleared it
    does not answer, but for one request per `let_one_through`.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.hold = threading.Event()
        self.hold.set()
        self._tickets = threading.Semaphore(0)
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, or start again on the same port after `stop`."""
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        records = json.loads(body)
        request = {"path": path, "headers": headers, "records": records, "answered": 0}
        with self._changed:
            self.requests.append(request)
            answer = self.answers.pop(0) if self.answers else (202, {}, {"accepted": len(records), "refused": []})
            request["status"] = answer[0]
            self._changed.notify_all()
        while not self.hold.is_set() and not self._tickets.acquire(timeout=0.02):
            pass
        return answer

    def let_one_through(self) -> None:
        self._tickets.release()

    def wait_for(self, done: Callable[[], object], timeout: float = 10) -> None:
        with self._changed:
            assert self._changed.wait_for(done, timeout), f"it did not happen; {len(self.requests)} requests came"

    def stored(self, kind: str = "predictions") -> list[dict[str, Any]]:
        """The records of the accepted requests, each key once, in the order they came."""
        accepted = {
            request["headers"]["idempotency-key"]: request["records"]
            for request in self.requests
            if request["path"] == f"/v1/{kind}" and request["status"] == 202
        }
        return [record for records in accepted.values() for record in records]

    def stored_ids(self) -> list[str]:
        return [record["prediction_id"] for record in self.stored()]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler(collector: LoopbackCollector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, answer = collector.take(self.path, headers, self.rfile.read(int(headers["content-length"])))
            if status == HANG_UP:
                self.close_connection = True
                return
            body = json.dumps(answer).encode()
            try:
                self.send_response(status)
                for name, value in {**extra, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the client has hung up, as some tests want it to
                pass

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def collector() -> Iterator[LoopbackCollector]:
    server = LoopbackCollector()
    yield server
    server.hold.set()
    server.stop()


@pytest.fixture
def new_logger(collector: LoopbackCollector) -> Iterator[Callable[..., PredictionLogger]]:
    """Makes loggers that retry fast, and closes them at the end."""
    made: list[PredictionLogger] = []

    def make(**options: Any) -> PredictionLogger:
        defaults = {"batch_seconds": 0.02, "first_retry_seconds": 0.02, "longest_retry_seconds": 0.05}
        made.append(PredictionLogger(options.pop("url", collector.url), "late", **{**defaults, **options}))
        return made[-1]

    yield make
    for logger in made:
        logger.close(timeout=0)
