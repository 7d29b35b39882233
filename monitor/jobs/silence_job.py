"""Silence: no predictions where there should be some, by the model's own rhythm.

Every look notes for how long nothing has come. Within a model's first weeks that is compared with the longest gap so
far; later also with what it was at the same hour of earlier weeks, which knows nights, weekends and batches apart.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from monitor.db import catalog, monitors, results, window_store
from monitor.db.database import Session
from monitor.db.models import Model, Monitor
from monitor.db.reads.quiet import quiet_hours
from monitor.db.results import EvaluationRow
from monitor.evaluation import Verdict
from monitor.jobs.incident_job import update_incident
from monitor.jobs.judging import to_rule
from monitor.jobs.stores import Stores
from monitor.silence import HOUR, MEMORY, Rhythm, learn_rhythm
from monitor.windows import format_duration, window_of

log = logging.getLogger(__name__)

# Fewer windows, or fewer hours of receiving them, tell nothing about a rhythm.
LEAST_WINDOWS = 8
LEAST_KNOWN = timedelta(days=1)
WEEKEND = timedelta(days=3)
# No rhythm makes so short a gap a silence.
LEAST_QUIET = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Silence:
    """How long nothing has come, and how long is still usual."""

    verdict: Verdict
    quiet: timedelta
    usual: timedelta
    reason: str


def judge_silence(
    starts: Sequence[datetime],
    touched: Sequence[datetime],
    last: datetime | None,
    size: timedelta,
    factor: float,
    now: datetime,
) -> Silence:
    """Compare the current gap with the longest earlier one.

    `starts` are the windows that had rows, `touched` when each was last written to: a model that is only called in
    office hours has long gaps in the first, one whose log is uploaded once a day in the second.
    """
    known = min(_span(starts), _span(touched))
    if last is None or len(starts) < LEAST_WINDOWS or known < LEAST_KNOWN:
        reason = f"{len(starts)} windows in {format_duration(known)} tell no rhythm yet; a day of receiving is needed"
        return Silence(Verdict.INSUFFICIENT, now - last if last else timedelta(0), timedelta(0), reason)
    longest = max(_longest_gap(starts), _longest_gap(touched), size)
    # A model that rests at night may rest at weekends too: within its first week nobody can know.
    least = WEEKEND if longest > size and known < timedelta(days=7) else timedelta(0)
    usual = max(factor * longest, least)
    quiet = now - last
    reason = f"nothing received for {format_duration(quiet)}; up to {format_duration(usual)} is usual for this model"
    return Silence(Verdict.BREACH if quiet > usual else Verdict.OK, quiet, usual, reason)


def judge_by_hour(found: Silence, rhythm: Rhythm | None, last: datetime, factor: float, now: datetime) -> Silence:
    """The verdict, once the rhythm of the week is known too: silent is what either finds silent."""
    if found.verdict is not Verdict.OK or rhythm is None or not rhythm.is_silent(last, now, factor):
        return found
    usual = rhythm.allowed_at(now) * HOUR
    reason = (
        f"nothing received for {format_duration(found.quiet)}; "
        f"at this hour of the week up to {format_duration(max(usual, HOUR))} is usual for this model"
    )
    return replace(found, verdict=Verdict.BREACH, usual=max(usual, HOUR), reason=reason)


def _span(moments: Sequence[datetime]) -> timedelta:
    return max(moments) - min(moments) if moments else timedelta(0)


def _longest_gap(moments: Sequence[datetime]) -> timedelta:
    return max((later - earlier for earlier, later in pairwise(sorted(moments))), default=timedelta(0))


def check_silence(stores: Stores, now: datetime) -> int:
    """Judge every model that has a silence monitor; returns how many are silent. A model that fails is logged."""
    silent = 0
    with stores.db.reading() as session:
        model_ids = [model.id for model in catalog.list_models(session)]
    for model_id in model_ids:
        try:
            with stores.db.session() as session:
                model = catalog.lock_model(session, model_id)  # no lease tells two workers apart here
                for monitor in monitors.list_monitors(session, model.id):
                    if monitor.metric == "silence":
                        silent += _check(session, model, monitor, now)
        except Exception:
            log.exception("the silence of model %s could not be judged; it will be again", model_id)
    return silent


def _check(session: Session, model: Model, monitor: Monitor, now: datetime) -> bool:
    size = timedelta(seconds=monitor.window_seconds)
    windows = window_store.latest_windows(session, model.id, size)
    factor = float(monitor.threshold.get("factor", 2))
    last = model.last_received_at
    found = judge_silence(
        [window.start for window in windows],
        [window.touched_at for window in windows],
        last,
        size,
        factor,
        now,
    )
    if found.verdict is Verdict.OK and last is not None and found.quiet > LEAST_QUIET:
        rhythm = learn_rhythm(quiet_hours(session, monitor.id, last - MEMORY), last)
        found = judge_by_hour(found, rhythm, last, factor, now)
    span = window_of(now, HOUR)
    evidence = {
        "summary": found.reason,
        "value": found.quiet.total_seconds(),
        "low": None,
        "high": found.usual.total_seconds(),
        "n": 0,
        "unit": "s",
        "baseline": "",
        "window": {"start": span.start.isoformat(), "seconds": int(HOUR.total_seconds())},
        "columns": [],
        "versions": [],
        "severity": monitor.severity,
    }
    value, high = found.quiet.total_seconds(), found.usual.total_seconds()
    row = EvaluationRow(monitor.id, 1, found.verdict.value, value, None, high, 0, found.reason, evidence)
    results.save_evaluation(session, span.start, row, now)
    update_incident(session, model, monitor, to_rule(monitor), now)
    return found.verdict is Verdict.BREACH
