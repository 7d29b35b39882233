"""Evaluating the windows that are due: claim, profile, judge, and write it all in one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from monitor.db import baseline_store, incidents, monitors, results, window_store
from monitor.db.database import Session
from monitor.db.models import Baseline, Model, Monitor, WindowState
from monitor.db.results import EvaluationRow, point_row
from monitor.evaluation import Judgement
from monitor.evaluation.segments import Result
from monitor.jobs.baseline_refresh import refresh_labels
from monitor.jobs.explaining import Explainer
from monitor.jobs.incident_job import update_incident
from monitor.jobs.judging import judge_window, reference_for, to_rule
from monitor.jobs.lease import held
from monitor.jobs.stored_history import StoredHistory
from monitor.jobs.stores import Stores
from monitor.jobs.window_profiles import Profiles, Watched, read_profiles
from monitor.jobs.window_rows import WindowRows
from monitor.metrics import BY_THE_CLOCK
from monitor.profiles import encode_profile
from monitor.segments import ALL
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

    state: WindowState
    watched: Watched
    monitors: Sequence[Monitor]


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
    lease = timedelta(seconds=stores.settings.jobs.lease_seconds)
    with stores.db.session() as session:
        state = window_store.claim_window(session, window_id, owner, now, lease)
    if state is None:
        return False
    with held(stores, window_id, owner, now, lease):
        task = _take_up(stores, state, now)
        profiles = _profile(stores, task)
        judged = _judge(stores, task, profiles)
    return _save(stores, task, profiles, judged, owner, now)


def _take_up(stores: Stores, state: WindowState, now: datetime) -> _Task:
    with stores.db.reading() as session:
        model = session.get_one(Model, state.model_id)
        baseline = baseline_store.active_baseline(session, model.id)
        watching = [m for m in monitors.list_monitors(session, model.id) if m.window_seconds == state.size_seconds]
        window = window_store.find_window(session, state)
    if baseline is not None and stores.label_looks.is_due(baseline, now):
        baseline = _with_new_labels(stores, model, baseline)
    return _Task(state, watch_window(stores, model, window, baseline), watching)


def _with_new_labels(stores: Stores, model: Model, baseline: Baseline) -> Baseline:
    """The baseline with the labels that came since; as it is where they can't be read, for no window waits for them."""
    try:
        if not refresh_labels(stores, model, baseline):
            return baseline
    except Exception:
        log.exception("the labels of baseline %r of model %r could not be read", baseline.name, model.name)
        return baseline
    with stores.db.reading() as session:
        return baseline_store.active_baseline(session, model.id) or baseline


def watch_window(stores: Stores, model: Model, window: Window, baseline: Baseline | None) -> Watched:
    """A window with the baseline that it is counted on, decoded once per worker."""
    costs = stores.settings.model(model.name).costs or None
    if baseline is None:
        return Watched(model, window, None, None, costs=costs)
    with stores.db.reading() as session:
        estimator = baseline_store.read_estimator(session, baseline.id)
    decoded, estimates = stores.baseline(baseline.payload), stores.estimator(estimator) if estimator else None
    return Watched(model, window, baseline.id, decoded, baseline.name, estimates, costs, baseline.end)


def _profile(stores: Stores, task: _Task) -> Profiles:
    return read_profiles(stores, task.watched)


def _judge(stores: Stores, task: _Task, profiles: Profiles) -> dict[str, Result]:
    watched = task.watched
    rules = [to_rule(monitor) for monitor in task.monitors]
    with stores.db.reading() as session:
        history = StoredHistory(session, watched, {monitor.name: monitor.id for monitor in task.monitors})
        results = judge_window(watched, rules, profiles, history, WindowRows(stores, session, watched))
        reference = partial(reference_for, watched, history=history)
        return Explainer(stores, session, watched, profiles, reference).explain_all(results)


def _save(
    stores: Stores, task: _Task, profiles: Profiles, judged: Mapping[str, Result], owner: str, now: datetime
) -> bool:
    """Write results, incident changes and the evaluated revision together; nothing, and False, if the lease is lost."""
    watched = task.watched
    with stores.db.session() as session:
        if not window_store.finish_window(session, task.state.id, owner, task.state.revision):
            return False
        watching = [monitor.id for monitor in task.monitors if monitor.metric not in BY_THE_CLOCK]
        results.keep_segments(session, watched.model.id, watched.window, list(profiles), watching)
        bins = watched.bins
        for key, profile in profiles.items():
            payload = encode_profile(profile, bins)
            results.save_profile(session, watched.model.id, watched.window, payload, watched.baseline_id, key)
            points, judgements = judged[key]
            results.save_points(session, watched.model.id, watched.window, list(map(point_row, points)), key)
            _save_judgements(session, task, key, judgements, now)
        _look_at_absent(session, task, profiles, now)
    return True


def _save_judgements(session: Session, task: _Task, key: str, judgements: Sequence[Judgement], now: datetime) -> None:
    by_name = {monitor.name: monitor for monitor in task.monitors}
    for judgement in judgements:
        monitor = by_name[judgement.rule.name]
        row = _evaluation_row(monitor.id, task.state.revision, judgement)
        results.save_evaluation(session, task.watched.window.start, row, now, key)
        update_incident(session, task.watched.model, monitor, to_rule(monitor), now, key)


def _look_at_absent(session: Session, task: _Task, present: Collection[str], now: datetime) -> None:
    """Ask about the incidents of segments that this window has no rows of: those that stay away end."""
    for monitor in (monitor for monitor in task.monitors if monitor.segment != ALL):
        for incident in incidents.active_incidents(session, monitor.id):
            if incident.segment not in present:
                update_incident(session, task.watched.model, monitor, to_rule(monitor), now, incident.segment)


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
