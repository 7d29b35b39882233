"""Backtest: what a monitor would have said of the windows there were. Nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from monitor.db import baseline_store, catalog, count_windows, window_store
from monitor.db.database import Session
from monitor.db.models import Baseline, Model
from monitor.errors import InvalidValue
from monitor.evaluation import Judgement, MonitorRule, Verdict
from monitor.evaluation.references import reference_of
from monitor.evaluation.replay import Alarm, replay
from monitor.evaluation.threshold_kinds import SEQUENCE
from monitor.explanation import dated
from monitor.jobs.evaluate_job import watch_window
from monitor.jobs.explaining import Explainer, is_explained
from monitor.jobs.judging import judge_window, reference_for
from monitor.jobs.replayed_history import ReplayedHistory
from monitor.jobs.replayed_profiles import ReplayedProfiles
from monitor.jobs.stores import Stores
from monitor.jobs.window_profiles import Profiles, Watched, read_profiles
from monitor.jobs.window_rows import WindowRows
from monitor.metrics import BY_THE_CLOCK
from monitor.windows import Window, rows_of

Progress = Callable[[int, int], None]
"""Told how many windows are done, of how many."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What one monitor would have said: the windows it looked at, by verdict over all segments, and its alarms."""

    rule: MonitorRule
    windows: int
    verdicts: dict[str, int]
    alarms: list[Alarm]


def run_backtest(
    stores: Stores,
    model_name: str,
    rule: MonitorRule,
    start: datetime | None = None,
    end: datetime | None = None,
    progress: Progress = lambda done, total: None,
) -> Backtest:
    """Replay a monitor over the windows with starts in [start, end), all there are unless told otherwise.

    Stored profiles are taken where they are on the active baseline's bins; other windows are merged or read from their
    rows. Raises NotFound for an unknown model, InvalidValue for a metric that no window has.
    """
    if rule.metric in BY_THE_CLOCK:
        raise InvalidValue(f"{rule.metric} is judged by the clock as rows arrive, so it can't be replayed from them")
    with stores.db.reading() as session:
        model = catalog.find_model(session, model_name)
        baseline = baseline_store.active_baseline(session, model.id)
        windows = _windows(stores, session, model, rule.window)
    windows = [w for w in windows if (start is None or w.start >= start) and (end is None or w.start < end)]
    watches = rule.metric if rule.threshold.get("kind") == SEQUENCE else ""
    history = ReplayedHistory(reference_of(rule.threshold) is not None, watches)
    judged: dict[str, list[tuple[datetime, datetime, Judgement]]] = defaultdict(list)
    for done, (watched, profiles) in enumerate(_replayed(stores, model, baseline, rule, windows)):
        progress(done, len(windows))
        for key, judgement in _judge(stores, watched, profiles, rule, history):
            judged[key].append((watched.window.start, watched.window.end, judgement))
    progress(len(windows), len(windows))
    every = [judgement for looks in judged.values() for _, _, judgement in looks]
    verdicts = {verdict.value: sum(each.verdict is verdict for each in every) for verdict in Verdict}
    starts = [window.start for window in windows]
    alarms = [alarm for key in sorted(judged) for alarm in replay(rule, key, judged[key], starts)]
    by_end = {window.end: window for window in windows}
    for index, alarm in enumerate(alarms):
        opening = next(judgement for _, end, judgement in judged[alarm.segment] if end == alarm.opened_at)
        watched = watch_window(stores, model, by_end[alarm.opened_at], baseline)
        alarms[index] = _explained(stores, watched, alarm, opening, history)
    return Backtest(rule, len(windows), verdicts, sorted(alarms, key=lambda alarm: (alarm.opened_at, alarm.segment)))


def _windows(stores: Stores, session: Session, model: Model, size: timedelta) -> list[Window]:
    """The windows that had rows, in time order; of a count of rows, those that were closed."""
    if rows := rows_of(size):
        states = window_store.latest_windows(session, model.id, size, limit=100_000)
        if not states:
            raise InvalidValue(f"no window of {rows} rows was ever counted; add such a monitor first, or name a time")
        return [count_windows.closed_window(session, state) for state in states[:-1]]
    return sorted(stores.engine.windows(stores.predictions(model.name), size))


def _replayed(
    stores: Stores, model: Model, baseline: Baseline | None, rule: MonitorRule, windows: Sequence[Window]
) -> Iterator[tuple[Watched, Profiles]]:
    if windows:
        profiles = ReplayedProfiles(stores, watch_window(stores, model, windows[0], baseline), rule, windows)
        yield from map(profiles.of, range(len(windows)))


def _judge(
    stores: Stores, watched: Watched, profiles: Profiles, rule: MonitorRule, history: ReplayedHistory
) -> list[tuple[str, Judgement]]:
    with stores.db.reading() as session:
        results = judge_window(watched, [rule], profiles, history, WindowRows(stores, session, watched))
    found = []
    for key, (points, judgements) in results.items():
        history.add(watched.window, key, profiles[key], points, judgements)
        found += [(key, judgement) for judgement in judgements]
    return found


def _explained(stores: Stores, watched: Watched, alarm: Alarm, opening: Judgement, history: ReplayedHistory) -> Alarm:
    """The alarm with the sentence that its incident would have had."""
    if not is_explained(opening.rule.metric):
        return alarm
    profiles = read_profiles(stores, watched)
    with stores.db.reading() as session:
        explainer = Explainer(stores, session, watched, profiles, partial(reference_for, watched, history=history))
        told = explainer.explained(alarm.segment, opening, ([], [opening])).evidence.get("explanation")
    return replace(alarm, explanation=dated(told, alarm.since)["sentence"]) if told else alarm
