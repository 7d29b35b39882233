"""Monitors that people add, change, switch off and remove. Each change is checked first and goes into the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from monitor.db import audit, catalog, incidents, monitors, results, window_store
from monitor.db.database import Session
from monitor.db.models import Model
from monitor.db.reads.points import metric_names
from monitor.errors import Conflict, InvalidValue
from monitor.evaluation import MonitorRule
from monitor.evaluation.check_rule import check_rule
from monitor.jobs.judging import to_rule
from monitor.jobs.onboard_job import default_names, to_row, touch_sizes
from monitor.jobs.slo_monitors import PREFIX, monitor_names
from monitor.jobs.stores import Stores
from monitor.metrics import BY_THE_CLOCK, KNOWN
from monitor.windows import EPOCH, rows_of


def known_metrics(session: Session, model_id: int) -> set[str]:
    """What a model can be watched for: Kedge's own metrics, and whatever its windows have points of."""
    return {*KNOWN, *metric_names(session, model_id)}


def find_rule(stores: Stores, model: str, name: str) -> MonitorRule:
    """A stored monitor. Raises NotFound naming those there are."""
    with stores.db.reading() as session:
        return to_rule(monitors.find_monitor(session, catalog.find_model(session, model).id, name))


def check(stores: Stores, model: str, rule: MonitorRule) -> None:
    """Raise InvalidValue for a monitor that this model can't have, NotFound for an unknown model."""
    with stores.db.reading() as session:
        check_rule(rule, known_metrics(session, catalog.find_model(session, model).id))


def add_monitor(stores: Stores, model: str, rule: MonitorRule, actor: str, now: datetime) -> None:
    """Watch a model for something more; the windows it has rows in are judged as well. Raises Conflict for a name that
    is taken, InvalidValue for a rule that can't be judged."""
    with stores.db.session() as session:
        found = _lock(session, model)
        check_rule(rule, known_metrics(session, found.id))
        if rule.name.startswith(PREFIX):
            raise InvalidValue(f"monitor name {rule.name!r} begins with {PREFIX}, as those of objectives do")
        if not monitors.add_monitors(session, found.id, [to_row(rule)], now):
            raise Conflict(f"monitor {rule.name!r} exists already; edit it, or choose another name")
        touch_sizes(stores, session, found, [rule.window], now)
        _record(session, now, actor, "monitor.added", found, rule.name, {"metric": rule.metric})


def edit_monitor(
    stores: Stores, model: str, name: str, changes: Mapping[str, Any], actor: str, now: datetime
) -> MonitorRule:
    """Change a monitor's threshold, persistence, rows or severity. Verdicts that were given stay; later windows, and
    reopened ones, are judged by the new settings."""
    with stores.db.session() as session:
        found = _lock(session, model)
        monitor = monitors.find_monitor(session, found.id, name)
        rule = replace(to_rule(monitor), **changes)
        check_rule(rule, known_metrics(session, found.id))
        monitors.change_monitor(session, monitor, to_row(rule))
        _record(session, now, actor, "monitor.edited", found, name, {"changed": sorted(changes)})
        return rule


def switch_monitor(stores: Stores, model: str, name: str, enabled: bool, actor: str, now: datetime) -> None:
    """Switch a monitor on or off. Off ends its incidents; on judges the windows that came meanwhile."""
    with stores.db.session() as session:
        found = _lock(session, model)
        monitor = monitors.find_monitor(session, found.id, name)
        if monitor.enabled == enabled:
            return
        size = timedelta(seconds=monitor.window_seconds)
        is_new_size = size not in window_store.window_sizes(session, found.id)
        monitors.enable_monitor(session, monitor, enabled)
        if not enabled:
            incidents.end_incidents(session, monitor.id, f"monitor {name} was disabled by {actor}", now)
        elif is_new_size:
            touch_sizes(stores, session, found, [size], now)
        elif not rows_of(size) and monitor.metric not in BY_THE_CLOCK:
            since = results.last_judged(session, monitor.id) or EPOCH
            missed = window_store.windows_after(session, found.id, size, since)
            window_store.touch_windows(session, found.id, missed, now)
        _record(session, now, actor, "monitor.enabled" if enabled else "monitor.disabled", found, name, {})


def remove_monitor(stores: Stores, model: str, name: str, actor: str, now: datetime) -> None:
    """Delete a monitor, its verdicts and its incidents. Raises Conflict for a default one, which would come back."""
    with stores.db.session() as session:
        found = _lock(session, model)
        monitor = monitors.find_monitor(session, found.id, name)
        if name in default_names(stores, session, found):
            raise Conflict(f"monitor {name!r} is one that every model gets, so it would come back; disable it instead")
        if name in monitor_names(slo for slo, each in stores.settings.slos.items() if each.is_for(model)):
            raise Conflict(f"monitor {name!r} is of an objective in the settings, so it would come back; disable it")
        monitors.remove_monitor(session, monitor)
        _record(session, now, actor, "monitor.removed", found, name, {})


def _lock(session: Session, model: str) -> Model:
    return catalog.lock_model(session, catalog.find_model(session, model).id)


def _record(
    session: Session, now: datetime, actor: str, action: str, model: Model, name: str, detail: dict[str, Any]
) -> None:
    audit.record_action(session, now, actor, action, f"monitor {name} of model {model.name}", **detail)
