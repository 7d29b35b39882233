"""What stands in for Slack and an on-call system in the demo: takes messages on loopback and remembers them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 2**20


@dataclass(frozen=True, slots=True)
class Received:
    """One message. `valid`: a Slack message has text, blocks or attachments; a webhook's signature is right."""

    time: datetime
    kind: str
    body: Any
    valid: bool


class Receiver:
    """An HTTP server with two addresses: /slack takes Slack's format, /webhook what is signed per Standard Webhooks.

    Runs in a thread from `start` (or `with`) to `stop`. A message that is not valid is answered with an error, and
    remembered too.
    """

    def __init__(self, secret: str, port: int = 0) -> None:
        self._webhook = Webhook(secret)
        self._messages: list[Received] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def messages(self) -> list[Received]:
        """Everything that came in so far, in order."""
        with self._changed:
            return list(self._messages)

    def wait_for(self, predicate: Callable[[Received], bool], timeout: float) -> Received | None:
        """The first message, come or to come, that the predicate holds for; None when there is none in time."""
        with self._changed:
            return self._changed.wait_for(lambda: next(filter(predicate, self._messages), None), timeout)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def take(self, path: str, headers: dict[str, str], raw: bytes) -> int:
        """Judge and remember one post; returns the status to answer with."""
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if path == "/slack":
            valid = isinstance(body, dict) and any(body.get(name) for name in ("text", "blocks", "attachments"))
            status = 200 if valid else 400
        elif path == "/webhook":
            valid = self._is_signed(headers, raw)
            status = 200 if valid else 401
        else:
            return 404
        with self._changed:
            self._messages.append(Received(datetime.now(UTC), path[1:], body, valid))
            self._changed.notify_all()
        return status

    def _is_signed(self, headers: dict[str, str], raw: bytes) -> bool:
        try:
            self._webhook.verify(raw, headers)
        except (WebhookVerificationError, ValueError):
            return False
        return True


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > LARGEST_BODY:
                self._answer(413)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(receiver.take(self.path, headers, self.rfile.read(length)))

        def _answer(self, status: int) -> None:
            body = b"ok" if status == 200 else b"refused"
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the demo prints what matters."""

    return Handler
