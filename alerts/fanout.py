"""Fanning a change of an incident out: to a notification per channel, and to the responses it calls for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.responses.selection import responds_to
from monitor.config import ResponseSettings
from monitor.db.database import Database
from monitor.db.incidents import claim_event, waiting_events
from monitor.db.notifications import add_notification, was_told
from monitor.db.response_runs import add_response_run

_REASONS: Final = {"opened": "first notification", "escalated": "severity escalated", "resolved": "resolved"}
NEVER_TOLD: Final = "resolved, but this channel was never told of the incident"


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """What one pass did."""

    events: int = 0
    notifications: int = 0
    suppressed: int = 0
    response_runs: int = 0

    def __add__(self, other: DispatchReport) -> DispatchReport:
        return DispatchReport(
            self.events + other.events,
            self.notifications + other.notifications,
            self.suppressed + other.suppressed,
            self.response_runs + other.response_runs,
        )


def dispatch(
    db: Database, channels: Collection[str], responses: Mapping[str, ResponseSettings], now: datetime
) -> DispatchReport:
    """Fan out every waiting change, each in one transaction of its own.

    A change is claimed and fanned out together: it is done wholly or not at all, and by one worker only.
    """
    with db.reading() as session:
        waiting = waiting_events(session)
    report = DispatchReport()
    for event_id in waiting:
        report += _fan_out(db, event_id, channels, responses, now)
    return report


def _fan_out(
    db: Database, event_id: int, channels: Collection[str], responses: Mapping[str, ResponseSettings], now: datetime
) -> DispatchReport:
    with db.session() as session:
        claimed = claim_event(session, event_id, now)
        if claimed is None or claimed[0].kind not in _REASONS:
            return DispatchReport()
        event, incident, model = claimed
        suppressed = 0
        for channel in sorted(channels):
            mute = event.kind == "resolved" and not was_told(session, incident.id, channel)
            suppressed += mute
            state, reason = ("suppressed", NEVER_TOLD) if mute else ("pending", _REASONS[event.kind])
            add_notification(session, event.id, channel, state, reason, now)
        started = sum(
            add_response_run(
                session,
                incident,
                response=name,
                kind=settings.kind,
                idempotency_key=f"{name}:{incident.id}",
                reason=f"incident {event.kind}",
                now=now,
            )
            for name, settings in sorted(responses.items())
            if event.kind != "resolved" and responds_to(settings, model.name, incident.metric)
        )
        return DispatchReport(1, len(channels) - suppressed, suppressed, started)
