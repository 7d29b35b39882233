"""The pull process: reads the sources that the settings name into the inbox, one thread each.

It writes the inbox to the lake as well when no collector does.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from collectors.collector import Collector
from collectors.flusher import Flusher
from collectors.inbox import Inbox
from collectors.inbox_file import connect, transaction
from collectors.metrics import CollectorMetrics
from collectors.pause_notice import PauseNotice
from collectors.pausing import Pause
from collectors.sources.registry import SourceContext, make_source
from collectors.sources.runner import SourceRunner, decode_state
from monitor.app.control import clock, open_database
from monitor.app.logs import set_up_logging
from monitor.app.signals import stop_on_signal
from monitor.config import Settings
from monitor.db.database import Database
from monitor.errors import ConfigError, Conflict, NotFound, Unavailable
from monitor.lake import Lake

log = logging.getLogger(__name__)

_STAND_BY_SECONDS = 10.0
_NO_LIMIT = 2**31


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One configured source, and how far it has read. `moment` is the time of the last thing it read."""

    name: str
    kind: str
    model: str
    records: int
    refused: int
    read_at: datetime | None
    moment: datetime | None
    behind_seconds: float | None
    position: Any


class Pull:
    """Everything the pull process holds. `only` names the sources to run; empty is all of them."""

    def __init__(self, settings: Settings, only: Sequence[str] = ()) -> None:
        self.settings = settings
        names = _chosen(settings, only)
        self.registry = CollectorRegistry()
        metrics = CollectorMetrics(self.registry)
        self.db = open_database(settings)
        self.inbox = Inbox(settings.inbox_path, settings.collector.inbox_max_bytes)
        # A file may have more records than a request.
        limits = settings.collector.model_copy(update={"max_records": _NO_LIMIT})
        collector = Collector(self.inbox, limits, metrics)
        self.runners = [SourceRunner(_context(settings, name, self.db), collector) for name in names]
        self._notice = PauseNotice(self.db, f"{self.inbox.collector_id}-pull", self._paused)
        self._flusher = Flusher(self.inbox, Lake(settings.lake_root), self.db, settings.collector)

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set; then write what was read to the lake, unless a collector does."""
        threads = [threading.Thread(target=each.run, args=(stop,), name=f"source-{each.name}") for each in self.runners]
        for thread in threads:
            thread.start()
        pace = _STAND_BY_SECONDS  # a flusher that starts at the same time has the first turn
        while not stop.wait(pace):
            pace = self.settings.collector.flush_seconds if self.flush() else _STAND_BY_SECONDS
            self._tell_pauses()
        for thread in threads:
            thread.join()
        self.flush()

    def read_once(self) -> dict[str, str]:
        """Read what is there now, source by source. Returns the sources that failed, with the reason in one line."""
        failures = {}
        for runner in self.runners:
            try:
                while runner.read_available():
                    pass
            except Exception as error:
                log.debug("source %r failed", runner.name, exc_info=True)
                failures[runner.name] = " ".join(str(error).split()) or type(error).__name__
            finally:
                runner.close()
        return failures

    def close(self) -> None:
        self._flusher.close()
        self.inbox.close()
        self.db.close()

    def _paused(self) -> list[Pause]:
        return [pause for runner in self.runners if (pause := runner.pause)]

    def _tell_pauses(self) -> None:
        try:
            self._notice.say(clock())
        except Unavailable as error:
            log.warning("%s; which sources are paused is said later", error)

    def flush(self) -> bool:
        """False when a collector has the inbox; it writes it to the lake."""
        try:
            while (report := self._flusher.flush(clock())).more and not report.failures:
                pass
        except Conflict:
            return False
        except Exception:
            log.exception("a flush pass failed; it will be tried again")
        return True


@contextmanager
def holding_sources(settings: Settings) -> Iterator[None]:
    """While the block runs, no other process reads the sources of this data folder. Raises Conflict while one does."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data_dir / "pull.sqlite"
    try:
        connection = connect(path, exclusively=True, timeout=0.5)
        with transaction(connection):
            connection.execute("CREATE TABLE IF NOT EXISTS held (by_whom TEXT)")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Conflict(f"another `kedge pull` reads the sources of {str(settings.data_dir)!r}") from None
        raise Unavailable(f"{str(path)!r} can't be used: {error}") from None
    try:
        yield
    finally:
        connection.close()


def run_pull(settings: Settings, only: Sequence[str] = (), metrics_port: int | None = None) -> None:
    """Read the sources until a signal."""
    set_up_logging()
    check_sources(settings)
    stop = stop_on_signal()
    with holding_sources(settings):
        pull = Pull(settings, only)
        if metrics_port is not None:
            start_http_server(metrics_port, "127.0.0.1", pull.registry)
        try:
            pull.run(stop)
        finally:
            pull.close()


def check_sources(settings: Settings) -> None:
    """Raise ConfigError for a source that can't be made of its settings, before anything is started."""
    for name in settings.collector.sources:
        make_source(_context(settings, name, None)).close()


def source_states(settings: Settings, now: datetime) -> list[SourceStatus]:
    """Every configured source with its checkpoint."""
    inbox = Inbox(settings.inbox_path, settings.collector.inbox_max_bytes)
    try:
        states = {name: decode_state(inbox.checkpoint(name)) for name in settings.collector.sources}
    finally:
        inbox.close()
    return [
        SourceStatus(
            name,
            settings.collector.sources[name].kind,
            settings.collector.sources[name].model,
            state.accepted,
            state.refused,
            state.read_at,
            state.moment,
            (now - state.moment).total_seconds() if state.moment else None,
            state.position,
        )
        for name, state in states.items()
    ]


def _chosen(settings: Settings, only: Sequence[str]) -> list[str]:
    known = settings.collector.sources
    if not known:
        raise ConfigError("no source is configured; add a table [collector.sources.NAME] with its kind to the settings")
    for name in only:
        if name not in known:
            raise NotFound(f"source {name!r} is not in the settings; known: {', '.join(known)}")
    return list(only or known)


def _context(settings: Settings, name: str, db: Database | None) -> SourceContext:
    return SourceContext(name, settings.collector.sources[name], settings.collector, clock, db)
