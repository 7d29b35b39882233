"""A slow change of a metric: all its windows since the baseline, watched one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from statistics import fmean, median
from typing import NamedTuple

from monitor.drift.sequences.decide import SequenceVerdict, judge_sequence
from monitor.errors import KedgeError
from monitor.evaluation.evidence import evidence_of
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.point_verdict import normal_values, too_few, undecided
from monitor.evaluation.rules import MonitorRule, Verdict
from monitor.metrics import describe, format_value
from monitor.points import Point, Status, undefined

MOST_WATCHED = 5000
"""The newest values that are watched."""

LEARNT = 20
"""Windows that say what is usual where the baseline can't."""
MOST_UNLIKE = 2.0
"""How many times larger or smaller a window may be than the baseline's blocks, whose values are compared with its."""


class Observed(NamedTuple):
    """A metric's value in one window, and the rows behind it."""

    start: datetime
    value: float
    n: int


def observed(metric: str, start: datetime, points: Sequence[Point]) -> Observed | None:
    """The metric's value in a window; of a metric that only columns have, its mean over them. None without one."""
    found = [p for p in points if p.metric == metric and p.status is Status.OK and p.value is not None]
    found = [p for p in found if not p.column] or found
    values = [p.value for p in found if p.value is not None]
    return Observed(start, fmean(values), max(p.n for p in found)) if values else None


def judge_level(
    rule: MonitorRule,
    points: Sequence[Point],
    facts: WindowFacts,
    earlier: Sequence[Observed],
    since: datetime | None = None,
) -> Judgement:
    """The monitor's judgement of its metric's level, up to this window, from the windows since the baseline.

    `points` are the window's, `earlier` the metric's values in the windows before it, oldest first, and `since` is the
    end of the baseline, before which there is nothing to watch. What is usual comes from the baseline's blocks; where
    it does not have the metric, or its blocks are no windows of this size, from the first 20 windows after it.
    """
    here = (point for point in points if point.metric == rule.metric and not point.column)
    own = observed(rule.metric, facts.window.start, points)
    point = next(here, None) or undefined(rule.metric, own.n if own else 0, f"this window has no {rule.metric}")
    if since is not None and facts.window.start < since:
        why = "the window starts before the baseline ends, and only later ones are watched"
        return undecided(rule, Verdict.UNDEFINED, point, why, facts)
    short = too_few(rule, point, facts)
    if short or own is None:
        verdict = Verdict.INSUFFICIENT if short else Verdict.UNDEFINED
        return undecided(rule, verdict, point, short or point.reason, facts)
    sequence = [each for each in earlier if each.n >= rule.min_rows] + [own]
    usual = _usual(rule, facts, sequence)
    if not usual:
        if len(sequence) <= LEARNT:
            why = f"{len(sequence)} of {LEARNT} windows that say what is usual have come"
            return undecided(rule, Verdict.UNDEFINED, point, why, facts)
        usual, sequence = [each.value for each in sequence[:LEARNT]], sequence[LEARNT:]
    try:
        found = judge_sequence([each.value for each in sequence], usual, rule.threshold)
    except KedgeError as error:  # a method that is no longer installed
        return undecided(rule, Verdict.UNDEFINED, point, str(error), facts)
    if found.status is not Status.OK:
        return undecided(rule, Verdict.UNDEFINED, point, found.why, facts)
    return _judged(rule, facts, sequence, found)


def _usual(rule: MonitorRule, facts: WindowFacts, sequence: Sequence[Observed]) -> list[float]:
    """The metric in the baseline's blocks of at least `min_rows` rows; empty where they are no yardstick."""
    values = normal_values(rule.metric, replace(facts, history={}), rule.min_rows)
    sizes = [points[rule.metric].n for points in facts.block_points if rule.metric in points]
    usual_size = median([size for size in sizes if size >= rule.min_rows] or [0])
    ratio = median(each.n for each in sequence) / usual_size if usual_size else 0.0
    return values if len(values) > 1 and 1 / MOST_UNLIKE <= ratio <= MOST_UNLIKE else []


def _judged(rule: MonitorRule, facts: WindowFacts, sequence: Sequence[Observed], found: SequenceVerdict) -> Judgement:
    own, began = sequence[-1], sequence[found.began].start if found.began is not None else None
    reason = _reason(rule.metric, found, began)
    evidence = evidence_of(facts, rule, reason, own.n, own.value)
    evidence["sequence"] = {
        "method": found.method,
        "windows": len(sequence),
        "statistic": found.statistic,
        "limit": found.limit,
        "began": began.isoformat() if began else None,
        "before": found.before,
        "level": found.level,
    }
    verdict = Verdict.BREACH if found.breach else Verdict.OK
    return Judgement(rule, verdict, rule.severity, own.value, None, None, own.n, reason, evidence)


def _reason(metric: str, found: SequenceVerdict, began: datetime | None) -> str:
    title = describe(metric).title
    figures = f"({found.method} {found.statistic or 0:.3g}, limit {found.limit or 0:.3g})"
    if began is None:
        return f"{title} keeps its level {figures}"
    before, level = format_value(metric, found.before), format_value(metric, found.level)
    if before == level:  # rounding must not make a change look like none
        before, level = f"{found.before:.5g}", f"{found.level:.5g}"
    return f"{title} went from {before} to {level} at {began:%Y-%m-%d %H:%M} {figures}"
