"""The gate of a source that is pushed to: asked before a body is read, told afterwards what became of it.

It brings pressure and pauses together, counts what is in flight, and says once in the log when a pause begins or ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from collectors.collector import Taken
from collectors.pausing import Pauses, answer, words
from collectors.pressure import Pressure, Rejection
from monitor.config import CollectorSettings

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

    def check(self, source: Callable[[], Hashable], now: datetime) -> Rejection | None:
        """Why the request is not read, or None. Nothing of it is stored; it is only counted.

        `source` says who sends it; it is asked only when there is anything against anybody.
        """
        why, rejection = "pressure", self._pressure.decide(self._requests, self._bytes)
        if rejection is None and self.pauses.knows_any:
            sender = source()
            if not self.pauses.allows(sender, now) and (pause := self.pauses.of(sender)):
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

    def note(self, source: Callable[[], Hashable], taken: Taken, now: datetime) -> None:
        """What became of a request that was read."""
        refusals = taken.delivery.refusals
        if not (refusals or self.pauses.knows_any):
            return
        reason = refusals[-1].reason if refusals else ""
        change = self.pauses.note(source(), taken.accepted, taken.refused, reason, now)
        if change is None:
            return
        log.warning("%s", words(change))
        if self._metrics is not None:
            self._metrics.paused.set(len(self.pauses.all()))
            self._metrics.pauses.inc(change.paused)
