"""Service level objectives: how fast each model spends its error budget, judged every minute."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.db import catalog, results
from monitor.db.database import Session
from monitor.db.models import Evaluation, Model, Monitor
from monitor.db.reads.profiles import profiles_between
from monitor.db.results import EvaluationRow, point_row
from monitor.evaluation import Verdict
from monitor.jobs.incident_job import update_incident
from monitor.jobs.judging import to_rule
from monitor.jobs.slo_events import EventMemory
from monitor.jobs.slo_monitors import METRIC, ensure_monitors
from monitor.jobs.stores import Stores
from monitor.points import Point, point
from monitor.profiles.stored import stored_service
from monitor.slo import Burn, Events, Minutes, Objective, SloState, budget_left, events_of, judge_slo, total
from monitor.slo.burn import LONGEST, LONGEST_SHORT, MINUTE
from monitor.slo.words import in_words
from monitor.slo_settings import SloSettings
from monitor.windows import Window, window_of

log = logging.getLogger(__name__)

SEGMENT = "slo"
"""Segment of the points, whose column is the objective's name: they are of no window that rows are grouped in."""

SLOT = timedelta(minutes=5)
"""What a verdict is stored for; it is the worst of those of its minutes."""

_REFRESHED = timedelta(hours=1)


def check_slos(stores: Stores, now: datetime) -> int:
    """Judge every objective of every model once; returns how many burn too fast. A worker keeps a SloWatch."""
    return SloWatch(stores).check(now)


@dataclass(frozen=True, slots=True)
class _Promise:
    """One objective of one model, its recent calls, and how many of the period's were bad."""

    name: str
    slo: SloSettings
    minutes: Minutes
    period: Events

    @property
    def left(self) -> float:
        """Share of the error budget."""
        return budget_left(self.period, self.slo.target)


class SloWatch:
    """Judges objectives again and again, and remembers meanwhile what it has read."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._memories: dict[int, EventMemory] = {}
        self._earlier: dict[tuple[int, str], tuple[datetime, Events]] = {}

    def check(self, now: datetime) -> int:
        """Judge every objective of every model; returns how many burn too fast. A model that fails is logged."""
        with self._stores.db.reading() as session:
            models = catalog.list_models(session)
        burning = 0
        for model in models:
            try:
                burning += self._check(model.id, model.name, model.last_received_at, now)
            except Exception:
                log.exception("the objectives of model %r could not be judged; they will be again", model.name)
        return burning

    def _check(self, model_id: int, name: str, received: datetime | None, now: datetime) -> int:
        wanted = {slo: each for slo, each in self._stores.settings.slos.items() if each.is_for(name)}
        promises = self._read(model_id, name, wanted, received, now) if wanted else []
        with self._stores.db.session() as session:
            model = catalog.lock_model(session, model_id)  # no lease tells two workers apart here
            watching = ensure_monitors(session, model_id, wanted, self._stores.window_size, now)
            states = {each.name: _judge(session, each, watching[each.name][0], now) for each in promises}
            known = [each for each in promises if states[each.name].shown is not None]
            slot = window_of(max((states[each.name].end or now for each in known), default=now) - MINUTE, SLOT)
            for each in known:
                _save(session, model, watching[each.name], each, states[each.name], slot, now)
            if known:
                found = [point for each in known for point in slo_points(each.name, states[each.name], each.left)]
                results.save_points(session, model_id, slot, list(map(point_row, found)), SEGMENT)
        return sum(state.firing is not None for state in states.values())

    def _read(
        self, model_id: int, model: str, wanted: Mapping[str, SloSettings], received: datetime | None, now: datetime
    ) -> list[_Promise]:
        objectives = tuple(Objective(slo.latency_ms) for slo in wanted.values())
        memory = self._memories.get(model_id)
        if memory is None or memory.objectives != objectives:
            memory = self._memories[model_id] = EventMemory(model_id, model, objectives)
        memory.update(self._stores, received, now)
        promises = []
        for place, (name, slo) in enumerate(wanted.items()):
            minutes = memory.minutes(place)
            cut, earlier = self._before(model_id, name, slo, now)
            start = max(cut, now - slo.budget_period)
            period = earlier.merge(total(each for minute, each in minutes.items() if minute >= start))
            promises.append(_Promise(name, slo, minutes, period))
        return promises

    def _before(self, model_id: int, name: str, slo: SloSettings, now: datetime) -> tuple[datetime, Events]:
        """The calls of the period's older part, from stored windows, and where it ends; read once an hour."""
        size = self._stores.window_size
        cut, earlier = self._earlier.get((model_id, name), (None, Events()))
        if cut is None or now - LONGEST - cut >= _REFRESHED:
            cut = window_of(now - LONGEST, size).start
            with self._stores.db.reading() as session:
                seconds, start = int(size.total_seconds()), now - slo.budget_period
                stored = profiles_between(session, model_id, seconds, start, cut) if start < cut else []
            objective = Objective(slo.latency_ms)
            earlier = total(events_of(stored_service(window.payload), objective) for window in stored)
            self._earlier[model_id, name] = cut, earlier
        return cut, earlier


def slo_points(name: str, state: SloState, left: float) -> list[Point]:
    """`slo_burn`, the burn rate of the rule that is shown, and `slo_budget`, what is left of the error budget; the
    column is the objective's name."""
    if state.shown is None:
        return []
    n = state.shown.long_events.rows
    return [point(METRIC, state.shown.long_rate, n, name), point("slo_budget", left, n, name)]


def _judge(session: Session, promise: _Promise, paging: Monitor, now: datetime) -> SloState:
    slo = promise.slo
    looks = results.latest_evaluations(session, paging.id, LONGEST_SHORT // SLOT)
    paged = [look.window_start + SLOT for look in looks if look.verdict == Verdict.BREACH]
    until = max(paged, default=None)
    return judge_slo(promise.minutes, slo.target, slo.budget_period, now, slo.least_failures, until)


def _save(
    session: Session,
    model: Model,
    watching: tuple[Monitor, Monitor],
    promise: _Promise,
    state: SloState,
    slot: Window,
    now: datetime,
) -> None:
    """Store the verdicts of the rules that page and of those that don't; these wait while somebody is being paged.

    A monitor that a person disabled has none.
    """
    paging, slow = watching
    is_paged = paging.enabled and state.of(pages=True).firing is not None
    for monitor, mine in ((paging, state.of(pages=True)), (slow, state.of(pages=False))):
        if not monitor.enabled or mine.shown is None or (is_paged and monitor is slow):
            continue
        earlier = results.latest_evaluations(session, monitor.id, 1)
        if mine.firing or not _was_breach(earlier, slot):
            results.save_evaluation(session, slot.start, _evaluation(monitor, promise, mine, mine.shown, slot), now)
        update_incident(session, model, monitor, to_rule(monitor), now)


def _was_breach(earlier: Sequence[Evaluation], slot: Window) -> bool:
    """Whether an earlier minute of the slot was in breach: a slot's verdict is the worst of its minutes."""
    return any(look.window_start == slot.start and look.verdict == Verdict.BREACH for look in earlier)


def _evaluation(monitor: Monitor, promise: _Promise, state: SloState, shown: Burn, slot: Window) -> EvaluationRow:
    reason = in_words(promise.name, promise.slo, shown, promise.left)
    evidence = {
        "summary": reason,
        "value": shown.long_rate,
        "low": None,
        "high": shown.rule.rate,
        "n": shown.long_events.rows,
        "unit": "x",
        "baseline": "",
        "window": {"start": slot.start.isoformat(), "seconds": int(SLOT.total_seconds())},
        "columns": [],
        "versions": [],
        "severity": monitor.severity,
        "slo": promise.name,
        "budget_left": _finite(promise.left),
        "burns": [_burn(burn) for burn in state.burns],
    }
    verdict = Verdict.BREACH if state.firing else Verdict.OK
    n, value, high = shown.long_events.rows, shown.long_rate, shown.rule.rate
    return EvaluationRow(monitor.id, 1, verdict.value, value, None, high, n, reason, evidence)


def _burn(burn: Burn) -> dict[str, Any]:
    return {
        "long_seconds": int(burn.rule.long.total_seconds()),
        "short_seconds": int(burn.rule.short.total_seconds()),
        "limit": burn.rule.rate,
        "long": _finite(burn.long_rate),
        "short": _finite(burn.short_rate),
        "fires": burn.fires,
    }


def _finite(value: float) -> float | None:
    """JSON, and so PostgreSQL, knows no nan."""
    return value if math.isfinite(value) else None
