"""A model that appears by itself is watched at once: default monitors, and its windows so far are due."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from monitor.baselines import BaselineProfile, NumericBins, decode_baseline
from monitor.db import baseline_store, catalog, monitors, window_store
from monitor.db.database import Session
from monitor.db.models import Model
from monitor.db.monitors import NewMonitor
from monitor.evaluation import MonitorRule, default_rules
from monitor.evaluation.presets import segment_rules
from monitor.jobs.stores import Stores
from monitor.schemas import Task
from monitor.windows import rows_of

log = logging.getLogger(__name__)


def onboard_models(stores: Stores, now: datetime) -> int:
    """Give every model the default monitors it lacks; returns how many monitors were added.

    A model's drift and performance monitors are added once it has a baseline. New monitors look at the windows that
    have rows already, not only at those to come.
    """
    with stores.db.reading() as session:
        waiting = [model for model in catalog.list_models(session) if not _is_watched(stores, session, model)]
    added = 0
    for model in waiting:
        try:
            with stores.db.session() as session:
                added += _onboard(stores, session, model.id, now)
        except Exception:
            log.exception("model %r could not be onboarded; it will be tried again", model.name)
    return added


def _is_watched(stores: Stores, session: Session, model: Model) -> bool:
    """Whether the model has all its default monitors, told without reading its baseline's profile."""
    has_baseline = baseline_store.has_baseline(session, model.id)
    known = {monitor.name for monitor in monitors.list_monitors(session, model.id, enabled_only=False)}
    choices = [_rules(stores, model, has_baseline, scored) for scored in (True, False)]
    return any({rule.name for rule in rules} <= known for rules in choices)


def _onboard(stores: Stores, session: Session, model_id: int, now: datetime) -> int:
    # Rows that are flushed meanwhile wait for the lock, then see the new monitors and touch their windows themselves.
    model = catalog.lock_model(session, model_id)
    baseline = baseline_store.active_baseline(session, model_id)
    scored = baseline is not None and _is_scored(decode_baseline(baseline.payload))
    rules = _rules(stores, model, baseline is not None, scored)
    new = monitors.add_monitors(session, model_id, [to_row(rule) for rule in rules], now)
    if new:
        touch_sizes(stores, session, model, window_store.window_sizes(session, model_id), now)
    return new


def touch_sizes(stores: Stores, session: Session, model: Model, sizes: Iterable[timedelta], now: datetime) -> None:
    """Make every window of these sizes that has rows due: nobody touched them while no monitor looked at their size.

    The caller holds the model's lock, so that no row slips in between. Windows of a count of rows are found by
    `count_rows`.
    """
    predictions = stores.predictions(model.name)
    for size in sizes:
        if not rows_of(size):
            window_store.touch_windows(session, model.id, stores.engine.windows(predictions, size), now)


def _is_scored(baseline: BaselineProfile) -> bool:
    """Whether a classifier's predictions come with scores; its labels may be days away."""
    return isinstance(baseline.prediction, NumericBins)


def _rules(stores: Stores, model: Model, has_baseline: bool, scored: bool) -> list[MonitorRule]:
    task = Task(model.task) if model.task else None
    wanted = stores.settings.monitoring
    rules = default_rules(task, scored, has_baseline, stores.window_size, wanted.min_rows, wanted.smallest_drift)
    return [*rules, *segment_rules(rules)] if wanted.dimensions(model.name) else rules


def default_names(stores: Stores, session: Session, model: Model) -> set[str]:
    """The names of the monitors that the model has, or may come to have, by default."""
    has_baseline = baseline_store.has_baseline(session, model.id)
    return {rule.name for scored in (True, False) for rule in _rules(stores, model, has_baseline, scored)}


def to_row(rule: MonitorRule) -> NewMonitor:
    """The rule as it is stored."""
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
        rule.segment,
    )
