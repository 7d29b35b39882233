"""The gate of a source that is pushed to: asked before a body is read, told afterwards what became of it.

It brings pressure and pauses together, counts what is in flight, and says once in the log when a pause begins or ends.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from collectors.collector import Taken
from collectors.pausing import Pauses, answer, named, words
from collectors.pressure import Pressure, Rejection
from monitor.config import CollectorSettings
from monitor.db.database import Database
from monitor.db.pauses import STALE, PausedSource, replace_pauses

log = logging.getLogger(__name__)


class GateMetrics:
    """What the gate counts, in the registry it is given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.turned_away = Counter(
            "kedge_turned_away",
            "Requests that were answered without being read, by why: paused, or pressure.",
            ["why"],
            registry=registry,
        )
        self.pauses = Counter(
            "kedge_pauses", "How often a source was paused because all it sent was refused.", registry=registry
        )
        self.paused = Gauge("kedge_paused_sources", "Sources that are paused now.", registry=registry)


class Gate:
    """One per event loop."""

    def __init__(self, settings: CollectorSettings, pressure: Pressure, metrics: GateMetrics | None = None) -> None:
        self.pauses = Pauses(settings)
        self._pressure = pressure
        self._metrics = metrics
        self._requests = 0
        self._bytes = 0

    def check(self, source: Hashable, now: datetime) -> Rejection | None:
        """Why the request is not read, or None. Nothing of it is stored; it is only counted."""
        why, rejection = "pressure", self._pressure.decide(self._requests, self._bytes)
        if rejection is None and not self.pauses.allows(source, now) and (pause := self.pauses.of(source)):
            why, rejection = "paused", Rejection(429, pause.retry_after(now), answer(pause))
        if rejection is not None and self._metrics is not None:
            self._metrics.turned_away.labels(why).inc()
        return rejection

    def enter(self, body_bytes: int) -> None:
        """A request is in flight from here on; `body_bytes` is what it announces, 0 where it does not."""
        self._requests += 1
        self._bytes += body_bytes

    def leave(self, body_bytes: int) -> None:
        """The request of these bytes is answered."""
        self._requests -= 1
        self._bytes -= body_bytes

    def note(self, source: Hashable, taken: Taken, now: datetime) -> None:
        """What became of a request that was read."""
        refusals = taken.delivery.refusals
        reason = refusals[-1].reason if refusals else ""
        change = self.pauses.note(source, taken.accepted, taken.refused, reason, now)
        if change is None:
            return
        log.warning("%s", words(change))
        if self._metrics is not None:
            self._metrics.paused.set(len(self.pauses.all()))
            self._metrics.pauses.inc(change.paused)


class PauseNotice:
    """Keeps the control database told of what is paused, for those who look there. Called every few seconds."""

    def __init__(self, db: Database, collector_id: str, pauses: Pauses) -> None:
        self._db, self._collector_id, self._pauses = db, collector_id[:40], pauses
        self._said: tuple[int, datetime] | None = None

    def say(self, now: datetime) -> bool:
        """Write what is paused, if that is news or what was written grows old. Returns whether it was written."""
        version, pauses = self._pauses.version, self._pauses.all()
        if self._said is None and not pauses and not version:
            return False
        if self._said and version == self._said[0] and (not pauses or now - self._said[1] < STALE / 5):
            return False
        told = [PausedSource(named(p.source), p.since, p.reason, p.refused, p.turned_away) for p in pauses]
        with self._db.session() as session:
            replace_pauses(session, self._collector_id, told, now)
        self._said = version, now
        return True
