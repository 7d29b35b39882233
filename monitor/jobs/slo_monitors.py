"""The two monitors of an objective: one whose alarms page, one for what can wait until the morning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from monitor.db import incidents, monitors
from monitor.db.database import Session
from monitor.db.models import Monitor
from monitor.db.monitors import NewMonitor
from monitor.evaluation import Severity
from monitor.slo_settings import SloSettings

METRIC = "slo_burn"
PREFIX = "slo:"
_RETIRED = "retired"
"""In the threshold of a monitor that rests because its objective is gone, and not because a person disabled it."""


def ensure_monitors(
    session: Session, model_id: int, wanted: Mapping[str, SloSettings], size: timedelta, now: datetime
) -> dict[str, tuple[Monitor, Monitor]]:
    """The monitors of each objective, made or changed as the settings say; those of objectives that are gone rest.

    One that a person disabled stays disabled.
    """
    new = {each.name: each for name, slo in wanted.items() for each in _monitors(name, slo, size)}
    monitors.add_monitors(session, model_id, list(new.values()), now)
    known = monitors.list_monitors(session, model_id, enabled_only=False)
    mine = {monitor.name: monitor for monitor in known if monitor.metric == METRIC}
    for name, monitor in mine.items():
        if name not in new:
            _retire(session, monitor, now)
        elif monitor.threshold != new[name].threshold:
            monitor.enabled = monitor.enabled or _RETIRED in monitor.threshold
            monitor.threshold = new[name].threshold
    return {name: (mine[f"{PREFIX}{name}"], mine[f"{PREFIX}{name}:slow"]) for name in wanted}


def monitor_names(wanted: Iterable[str]) -> set[str]:
    """What the monitors of these objectives are called."""
    return {f"{PREFIX}{name}{slow}" for name in wanted for slow in ("", ":slow")}


def _retire(session: Session, monitor: Monitor, now: datetime) -> None:
    if monitor.enabled:
        monitor.enabled, monitor.threshold = False, {**monitor.threshold, _RETIRED: True}
        incidents.end_incidents(session, monitor.id, "its objective is gone from the settings", now)


def _monitors(name: str, slo: SloSettings, size: timedelta) -> tuple[NewMonitor, NewMonitor]:
    threshold: dict[str, Any] = {
        "kind": "slo",
        "slo": name,
        "objective": slo.objective,
        "latency_ms": slo.latency_ms,
        "target": slo.target,
        "period": slo.period,
    }
    # An incident ends after two slots without a breach: five to ten minutes after the short window has recovered.
    seconds = int(size.total_seconds())
    return (
        NewMonitor(f"{PREFIX}{name}", METRIC, seconds, threshold, 1, 1, 2, 0, Severity.CRITICAL.value),
        NewMonitor(f"{PREFIX}{name}:slow", METRIC, seconds, threshold, 1, 1, 2, 0, Severity.WARNING.value),
    )
