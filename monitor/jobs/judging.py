"""Judging a window's profiles by its monitors, against whatever reference each of them names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from monitor.baselines import BaselineProfile, derived_baseline
from monitor.db.models import Monitor
from monitor.evaluation import Judgement, MonitorRule, Severity, WindowFacts
from monitor.evaluation.references import Reference, reference_of, reference_spans
from monitor.evaluation.row_verdict import judge_rows
from monitor.evaluation.segments import Result, evaluate_segments
from monitor.evaluation.sequence_verdict import Observed, judge_level
from monitor.evaluation.threshold_kinds import PRESET_KINDS, ROW_KINDS, SEQUENCE
from monitor.jobs.window_profiles import Watched
from monitor.points import Point
from monitor.profiles import WindowProfile
from monitor.quality import learn_rhythm
from monitor.schemas import Task
from monitor.segments import ALL, matches, segment_baseline
from monitor.windows import Window, parse_size

Facts = Mapping[str, WindowFacts]


APART = ROW_KINDS | {SEQUENCE}
"""Kinds of threshold that are not judged from the window's profile alone."""


class Rows(Protocol):
    """The rows of the window and of its baseline, read when they are asked for."""

    @property
    def sample(self) -> bytes | None:
        """What the baseline keeps of its rows (monitor.sample); None where it keeps none."""
        ...

    def window(self) -> pa.Table:
        """As many of the window's rows as a sample has."""
        ...

    def with_preset(self, threshold: Mapping[str, Any], facts: Facts) -> Facts:
        """The facts with the verdicts of a `preset` or `method` threshold on the window's rows."""
        ...


class History(Protocol):
    """What is known of a model's earlier windows of one size; `key` is the segment."""

    def earlier(self, metrics: Sequence[str], window: Window, key: str) -> Mapping[str, Sequence[float]]:
        """Each metric's values in the windows before this one, the newest last."""
        ...

    def value(self, metric: str, start: datetime, key: str) -> float | None:
        """A metric's value in the window that starts then."""
        ...

    def counts(self, window: Window, key: str) -> Sequence[tuple[datetime, float]]:
        """The start and the predictions of earlier windows: the latest, and those at the same time of day or week."""
        ...

    def sequence(self, metric: str, since: datetime | None, window: Window, key: str) -> Sequence[Observed]:
        """A metric's values in the windows before this one, from `since` on, oldest first."""
        ...

    def normal(self, rule: MonitorRule, spans: Sequence[Window], key: str) -> list[WindowProfile]:
        """The profiles of the windows in these spans that this monitor did not find in breach."""
        ...


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
        monitor.segment,
    )


def judge_window(
    watched: Watched,
    rules: Sequence[MonitorRule],
    profiles: Mapping[str, WindowProfile],
    history: History,
    rows: Rows,
) -> dict[str, Result]:
    """The window's points and judgements, by segment.

    Monitors that name a reference, or a preset, of their own are judged apart; the points are those against the frozen
    baseline. So are those that compare rows, which add points of their own, and then those that watch a sequence of any
    of these points.
    """
    facts = {key: _facts(watched, profile, key, _watching(rules, key), history) for key, profile in profiles.items()}
    kinds = [(rule, rule.threshold.get("kind")) for rule in rules]
    plain = [rule for rule, kind in kinds if not is_special(rule) and kind not in APART]
    results = evaluate_segments(facts, {key: _watching(plain, key) for key in facts})
    for rule in rules:
        if is_special(rule):
            seen = _special(watched, rule, facts, history, rows)
            for key, (_, judgements) in evaluate_segments(seen, {key: [rule] for key in seen}).items():
                results[key][1].extend(judgements)
    for rule in (rule for rule, kind in kinds if kind in ROW_KINDS and ALL in facts):
        points, judgement = judge_rows(rule, facts[ALL], rows.sample, rows.window() if rows.sample else None)
        _add(results[ALL], points, [judgement])
    for rule in (rule for rule, kind in kinds if kind == SEQUENCE):
        for key in (key for key in facts if matches(rule.segment, key)):
            since = watched.baseline_end
            earlier = history.sequence(rule.metric, since, watched.window, key)
            _add(results[key], [], [judge_level(rule, results[key][0], facts[key], earlier, since)])
    return results


def _add(result: Result, points: Sequence[Point], judgements: Sequence[Judgement]) -> None:
    """Add to a result; of several monitors that have points of one metric and column the first decides."""
    known = {(point.metric, point.column) for point in result[0]}
    result[0].extend(point for point in points if (point.metric, point.column) not in known)
    result[1].extend(judgements)


def _watching(rules: Sequence[MonitorRule], key: str) -> list[MonitorRule]:
    return [rule for rule in rules if matches(rule.segment, key)]


def reference_for(watched: Watched, rule: MonitorRule, key: str, history: History) -> BaselineProfile | None:
    """What a monitor compares one segment of the window with."""
    reference = reference_of(rule.threshold)
    if reference is None:
        return segment_baseline(watched.baseline, key)
    return _derived(watched, rule, reference, key, history)


def is_special(rule: MonitorRule) -> bool:
    """Whether it compares with something else than the frozen baseline's profile."""
    return reference_of(rule.threshold) is not None or rule.threshold.get("kind") in PRESET_KINDS


def _facts(
    watched: Watched, profile: WindowProfile, key: str, rules: Sequence[MonitorRule], history: History
) -> WindowFacts:
    window = watched.window
    metrics = sorted({"label_coverage", *(rule.metric for rule in rules)}) if rules else []
    earlier = {}
    for rule in rules:
        to = rule.threshold.get("to") if rule.threshold.get("kind") == "relative" else None
        value = history.value(rule.metric, window.start - parse_size(to), key) if to else None
        if to and value is not None:
            earlier[rule.metric, to] = value
    return WindowFacts(
        window,
        profile,
        segment_baseline(watched.baseline, key),
        watched.baseline_name,
        Task(watched.model.task) if watched.model.task else None,
        watched.model.positive_class,
        history.earlier(metrics, window, key),
        earlier,
        estimator=watched.estimator,
        rhythm=learn_rhythm(history.counts(window, key), window) if not window.rows else None,
        costs=watched.costs,
    )


def _special(watched: Watched, rule: MonitorRule, facts: Facts, history: History, rows: Rows) -> Facts:
    """The facts as this monitor sees them: against earlier windows, or with a preset's verdicts on rows."""
    reference = reference_of(rule.threshold)
    seen: Facts = {key: each for key, each in facts.items() if matches(rule.segment, key)}
    if reference is not None:
        seen = {
            key: replace(each, baseline=_derived(watched, rule, reference, key, history), baseline_name=str(reference))
            for key, each in seen.items()
        }
    if rule.threshold.get("kind") in PRESET_KINDS:
        return rows.with_preset(rule.threshold, {ALL: seen[ALL]} if ALL in seen else {})
    return seen


def _derived(
    watched: Watched, rule: MonitorRule, reference: Reference, key: str, history: History
) -> BaselineProfile | None:
    """The merge of the reference's windows on the frozen bins."""
    if watched.baseline is None or watched.window.rows:
        return None
    spans = reference_spans(reference, watched.window)
    return derived_baseline(watched.baseline, history.normal(rule, spans, key)) if spans else None
