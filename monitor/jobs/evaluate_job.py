"""Evaluating the windows that are due: claim, profile, judge, and write it all in one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from monitor.baselines import BaselineProfile, decode_baseline
from monitor.db import baseline_store, catalog, monitors, results, service_samples, window_store
from monitor.db.models import Baseline, Model, Monitor, WindowState
from monitor.db.results import EvaluationRow
from monitor.engines import ProfileRequest
from monitor.evaluation import Judgement, MonitorRule, Severity, WindowFacts, evaluate_window
from monitor.jobs.baseline_job import refresh_labels
from monitor.jobs.incident_job import update_incident
from monitor.jobs.stores import Stores
from monitor.points import Point
from monitor.profiles import WindowProfile, encode_profile
from monitor.schemas import Task
from monitor.service import with_counters
from monitor.windows import Window

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluateReport:
    """How many windows were evaluated, lost to another worker, and failed (they stay due)."""

    evaluated: int = 0
    lost: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Task:
    """A claimed window with everything its evaluation needs."""

    model: Model
    state: WindowState
    window: Window
    baseline_row: Baseline | None
    baseline: BaselineProfile | None
    monitors: Sequence[Monitor]
    history: dict[str, list[float]]


def evaluate_due_windows(stores: Stores, owner: str, now: datetime, limit: int = 50) -> EvaluateReport:
    """Evaluate up to `limit` due windows, oldest first. A window that fails stays due and does not stop the others."""
    pace = stores.settings.jobs
    settle, reopen = timedelta(seconds=pace.settle_seconds), timedelta(seconds=pace.reopen_seconds)
    began = time.monotonic()
    with stores.db.reading() as session:
        due = [state.id for state in window_store.due_windows(session, now, settle, limit, reopen)]
    evaluated = lost = failed = 0
    for window_id in due:
        try:
            # A lease counts from when the window is taken, which may be minutes after the first one of this run was.
            done = _evaluate(stores, window_id, owner, now + timedelta(seconds=time.monotonic() - began))
            evaluated, lost = evaluated + done, lost + (not done)
        except Exception:
            # Its lease runs out by itself, which also keeps a window that always fails from being tried every tick.
            log.exception("window %s could not be evaluated; it stays due", window_id)
            failed += 1
    return EvaluateReport(evaluated, lost, failed)


def _evaluate(stores: Stores, window_id: int, owner: str, now: datetime) -> bool:
    task = _claim(stores, window_id, owner, now)
    if task is None:
        return False
    profile = _profile(stores, task)
    facts = WindowFacts(
        task.window,
        profile,
        task.baseline,
        task.baseline_row.name if task.baseline_row else "",
        Task(task.model.task) if task.model.task else None,
        task.model.positive_class,
        task.history,
    )
    by_name = {monitor.name: monitor for monitor in task.monitors}
    points, judgements = evaluate_window(facts, [to_rule(monitor) for monitor in task.monitors])
    return _save(stores, task, profile, points, [(by_name[j.rule.name], j) for j in judgements], owner, now)


def _claim(stores: Stores, window_id: int, owner: str, now: datetime) -> _Task | None:
    lease = timedelta(seconds=stores.settings.jobs.lease_seconds)
    with stores.db.session() as session:
        state = window_store.claim_window(session, window_id, owner, now, lease)
        if state is None:
            return None
        model = session.get_one(Model, state.model_id)
        baseline = baseline_store.active_baseline(session, model.id)
        watching = [m for m in monitors.list_monitors(session, model.id) if m.window_seconds == state.size_seconds]
        window = window_store.window(state)
        metrics = sorted({"label_coverage", *(monitor.metric for monitor in watching)})
        history = results.earlier_values(session, model.id, metrics, window)
    if baseline is not None and refresh_labels(stores, model, baseline):
        with stores.db.reading() as session:
            baseline = baseline_store.active_baseline(session, model.id)
    decoded = decode_baseline(baseline.payload) if baseline else None
    return _Task(model, state, window, baseline, decoded, watching, history)


def _profile(stores: Stores, task: _Task) -> WindowProfile:
    window, model = task.window, task.model
    with stores.db.reading() as session:
        features = catalog.read_features(session, model.id)
        counted = service_samples.served_in(session, model.id, window)
    request = ProfileRequest(
        stores.predictions(model.name, window.start, window.end),
        stores.labels(model.name, window.start),
        window.start,
        window.end,
        features,
        task.baseline.columns if task.baseline else {},
        task.baseline.prediction if task.baseline else None,
        Task(model.task) if model.task else None,
        model.positive_class,
    )
    profile = stores.engine.profile(request)
    return msgspec.structs.replace(profile, service=with_counters(profile.service, counted))


def _save(
    stores: Stores,
    task: _Task,
    profile: WindowProfile,
    points: Sequence[Point],
    judged: Sequence[tuple[Monitor, Judgement]],
    owner: str,
    now: datetime,
) -> bool:
    """Write results, incident changes and the evaluated revision together; nothing, and False, if the lease is lost."""
    with stores.db.session() as session:
        if not window_store.finish_window(session, task.state.id, owner, task.state.revision):
            return False
        baseline_id = task.baseline_row.id if task.baseline_row else None
        results.save_profile(session, task.model.id, task.window, encode_profile(profile), baseline_id)
        results.save_points(session, task.model.id, task.window, [_point_row(point) for point in points])
        for monitor, judgement in judged:
            row = _evaluation_row(monitor.id, task.state.revision, judgement)
            results.save_evaluation(session, task.window.start, row, now)
            update_incident(session, task.model, monitor, to_rule(monitor), now)
    return True


def to_rule(monitor: Monitor) -> MonitorRule:
    """The stored monitor as the pure core knows it."""
    return MonitorRule(
        monitor.name,
        monitor.metric,
        timedelta(seconds=monitor.window_seconds),
        monitor.threshold,
        monitor.breaches,
        monitor.looks,
        monitor.recoveries,
        monitor.min_rows,
        Severity(monitor.severity),
    )


def _point_row(point: Point) -> dict[str, object]:
    row = msgspec.to_builtins(point)
    row["metric_column"] = row.pop("column")
    return dict(row)


def _evaluation_row(monitor_id: int, revision: int, judgement: Judgement) -> EvaluationRow:
    return EvaluationRow(
        monitor_id,
        revision,
        judgement.verdict.value,
        judgement.value,
        judgement.low,
        judgement.high,
        judgement.n,
        judgement.reason,
        {**judgement.evidence, "severity": judgement.severity.value},
    )
