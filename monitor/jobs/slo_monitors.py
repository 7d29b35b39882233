"""The two monitors of an objective: one whose alarms page, one for what can wait until the morning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from monitor.db import monitors
from monitor.db.database import Session
from monitor.db.models import Monitor
from monitor.db.monitors import NewMonitor
from monitor.evaluation import Severity
from monitor.slo_settings import SloSettings

METRIC = "slo_burn"


def ensure_monitors(
    session: Session, model_id: int, wanted: Mapping[str, SloSettings], size: timedelta, now: datetime
) -> dict[str, tuple[Monitor, Monitor]]:
    """The monitors of each objective, made or changed as the settings say; those of objectives that are gone rest."""
    new = {each.name: each for name, slo in wanted.items() for each in _monitors(name, slo, size)}
    monitors.add_monitors(session, model_id, list(new.values()), now)
    known = monitors.list_monitors(session, model_id, enabled_only=False)
    mine = {monitor.name: monitor for monitor in known if monitor.metric == METRIC}
    for name, monitor in mine.items():
        if monitor.enabled != (name in new):
            monitor.enabled = name in new
        if name in new and monitor.threshold != new[name].threshold:
            monitor.threshold = new[name].threshold
    return {name: (mine[f"slo:{name}"], mine[f"slo:{name}:slow"]) for name in wanted}


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
        NewMonitor(f"slo:{name}", METRIC, seconds, threshold, 1, 1, 2, 0, Severity.CRITICAL.value),
        NewMonitor(f"slo:{name}:slow", METRIC, seconds, threshold, 1, 1, 2, 0, Severity.WARNING.value),
    )
