"""The HTTP process: collector, flusher and API on one port."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import datetime
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from collectors.collector import Collector
from collectors.flush_totals import FlushMetrics
from collectors.gate import Gate, GateMetrics
from collectors.inbox import Inbox
from collectors.metrics import CollectorMetrics
from collectors.pressure import Pressure
from collectors.sources.http import Door
from collectors.sources.openapi import openapi_paths
from monitor.access import KeyRing
from monitor.api import create_api
from monitor.api.dependencies import Reader
from monitor.app.control import clock, open_database
from monitor.app.logs import set_up_logging
from monitor.app.processes import Child, Supervisor
from monitor.app.quarantine import Replayed, replay
from monitor.app.tuning import tune_for_requests
from monitor.app.watching import watch
from monitor.config import Settings
from monitor.db.quarantine import Selection

log = logging.getLogger(__name__)

# Memory that the flusher's threads have freed is used again by all of them.
_ONE_HEAP = {"MALLOC_ARENA_MAX": "2"}
_MOST_REPLAYED = 10_000  # rows of quarantine that one call of the API looks at


class Web:
    """Everything the HTTP process holds. `app` is the ASGI application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.db = open_database(settings)
        self.inbox = Inbox(settings.inbox_path, settings.collector.inbox_max_bytes)
        registry = CollectorRegistry()
        registry.register(FlushMetrics(self.inbox))
        collector = Collector(self.inbox, settings.collector, CollectorMetrics(registry))
        keys = KeyRing(self.db)
        self.api: FastAPI = create_api(self.db, keys, clock, settings)
        self.api.state.replay = self._replay
        _expose(self.api, registry)
        _describe(self.api, openapi_paths())
        self.pressure = Pressure(settings.collector)
        self.gate = Gate(settings.collector, self.pressure, GateMetrics(registry))
        self.app = Door(self.api, collector, keys, clock, self.gate)

    def close(self) -> None:
        self.inbox.close()
        self.db.close()

    def _replay(self, selection: Selection, now: datetime, actor: str, dry_run: bool) -> Replayed:
        limits = self.settings.collector
        return replay(self.db, self.inbox, limits, selection, now, actor, dry_run=dry_run, most=_MOST_REPLAYED)


def run_collector(settings: Settings) -> None:
    """Serve until a signal; then take nothing more, write what was taken to the lake, and end."""
    set_up_logging()
    web = Web(settings)
    companions = Supervisor(_companions(settings), settings.data_dir / "logs", log.warning)
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
    # uvicorn raises the signal it was stopped by again: with the system's handlers, nothing below would be run.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    companions.start()
    tune_for_requests()
    stop = threading.Event()
    threads = [
        threading.Thread(target=companions.watch, args=(stop,), name="companions"),
        threading.Thread(target=watch, args=(settings, web.db, web.pressure, web.gate, stop), name="watch"),
    ]
    for thread in threads:
        thread.start()
    try:
        server.run()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        web.close()
        companions.stop()


def _companions(settings: Settings) -> list[Child]:
    """What works beside the HTTP process: the flusher, and the sources that are read, where there are any."""
    environment = {"KEDGE_DATA_DIR": str(settings.data_dir.absolute())}
    children = [Child("flusher", [], environment=environment | _ONE_HEAP, module="monitor.app.flush")]
    if settings.collector.sources:
        children.append(Child("sources", ["pull"], environment=environment))
    return children


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
