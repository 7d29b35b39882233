"""A model that appears by itself is watched at once: default monitors, and its windows so far are due."""

from __future__ import annotations

from datetime import datetime

from monitor.baselines import BaselineProfile, decode_baseline
from monitor.db import baseline_store, catalog, monitors, window_store
from monitor.db.models import Model
from monitor.db.monitors import NewMonitor
from monitor.evaluation import MonitorRule, default_rules
from monitor.jobs.stores import Stores
from monitor.schemas import Task
from monitor.windows import windows_between


def onboard_models(stores: Stores, now: datetime) -> int:
    """Give every model the default monitors it lacks; returns how many monitors were added.

    A model's drift and performance monitors are added once it has a baseline. New monitors look at the windows that
    have rows already, not only at those to come.
    """
    added = 0
    with stores.db.session() as session:
        for model in catalog.list_models(session):
            baseline = baseline_store.active_baseline(session, model.id)
            rules = _rules(stores, model, decode_baseline(baseline.payload) if baseline else None)
            new = monitors.add_monitors(session, model.id, [_to_row(rule) for rule in rules], now)
            if new and model.first_event_time and model.watermark:
                since = baseline.end if baseline and baseline.end else model.first_event_time
                for size in window_store.window_sizes(session, model.id):
                    spans = windows_between(max(since, model.first_event_time), model.watermark, size)
                    window_store.touch_windows(session, model.id, spans, now)
            added += new
    return added


def _rules(stores: Stores, model: Model, baseline: BaselineProfile | None) -> list[MonitorRule]:
    scored = bool(baseline and baseline.prediction is not None and baseline.whole.labelled.scores.buckets)
    task = Task(model.task) if model.task else None
    wanted = stores.settings.monitoring
    return default_rules(task, scored, baseline is not None, stores.window_size, wanted.min_rows, wanted.smallest_drift)


def _to_row(rule: MonitorRule) -> NewMonitor:
    return NewMonitor(
        rule.name,
        rule.metric,
        int(rule.window.total_seconds()),
        rule.threshold,
        rule.breaches,
        rule.looks,
        rule.recoveries,
        rule.min_rows,
        rule.severity.value,
    )
