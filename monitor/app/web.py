"""The HTTP process: collector, flusher and API on one port."""

from __future__ import annotations

import threading
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from collectors.collector import Collector
from collectors.flusher import Flusher
from collectors.inbox import Inbox
from collectors.metrics import CollectorMetrics
from collectors.sources.http import routes
from collectors.sources.openapi import openapi_paths
from monitor.access import KeyRing
from monitor.api import create_api
from monitor.api.dependencies import Reader
from monitor.app.logs import set_up_logging
from monitor.app.stores import clock, open_database
from monitor.config import Settings
from monitor.lake import Lake


class Web:
    """Everything the HTTP process holds. `app` is the ASGI application; `start` and `stop` are its other threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.db = open_database(settings)
        registry = CollectorRegistry()
        metrics = CollectorMetrics(registry)
        self.inbox = Inbox(settings.inbox_path, settings.collector.inbox_max_bytes)
        collector = Collector(self.inbox, settings.collector, metrics)
        keys = KeyRing(self.db)
        self.app: FastAPI = create_api(self.db, keys, clock, settings)
        self.app.router.routes[:0] = routes(collector, keys, clock)
        _expose(self.app, registry)
        _describe(self.app, openapi_paths())
        self._flusher = Flusher(self.inbox, Lake(settings.lake_root), self.db, settings.collector, metrics)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._flusher.run, args=(self._stop, clock), name="flusher")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop taking, write what was taken to the lake, close."""
        self._stop.set()
        self._thread.join()
        self._flusher.close()
        self.inbox.close()
        self.db.close()


def run_collector(settings: Settings) -> None:
    """Serve until a signal; then drain and end."""
    set_up_logging()
    web = Web(settings)
    server = uvicorn.Server(
        uvicorn.Config(
            web.app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    )
    web.start()
    try:
        server.run()
    finally:
        web.stop()


def _expose(app: FastAPI, registry: CollectorRegistry) -> None:
    """The collector's counters at /metrics. They tell how busy a business is, so they are read like everything else."""

    @app.get("/metrics", tags=["status"], summary="Counters as Prometheus text", response_class=PlainTextResponse)
    def read_metrics(request: Request, _caller: Reader) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=content_type)


def _describe(app: FastAPI, paths: dict[str, Any]) -> None:
    """Let /openapi.json describe the collector's routes too, which are plain Starlette ones for speed."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        schema["paths"] = {**paths, **schema["paths"]}
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
