"""Replaying a monitor's judgements through the state machine: which incidents it would have opened, and when."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.evaluation.facts import Judgement
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.evaluation.state_machine import (
    BY_COLUMN,
    Change,
    Look,
    Transition,
    has_left,
    looks_back,
    next_transition,
)
from monitor.segments import ALL


@dataclass(frozen=True, slots=True)
class Alarm:
    """An incident that would have been: `since` and `until` are starts of windows, `opened_at` when it would have been
    known, which is the end of the window that opened it."""

    monitor: str
    segment: str
    severity: Severity
    since: datetime
    opened_at: datetime
    until: datetime | None
    windows_in_breach: int
    reason: str
    columns: tuple[str, ...] = ()
    explanation: str = ""


def to_look(judgement: Judgement, start: datetime) -> Look:
    """What the state machine sees of a judgement."""
    has_columns = judgement.verdict is Verdict.BREACH and judgement.rule.metric in BY_COLUMN
    return Look(start, judgement.verdict, judgement.severity, judgement.columns if has_columns else ())


def replay(
    rule: MonitorRule,
    segment: str,
    judged: Iterable[tuple[datetime, datetime, Judgement]],
    windows: Sequence[datetime] = (),
) -> list[Alarm]:
    """The alarms of one segment's windows, given as (start, end, judgement) in time order.

    It sees at each window what a worker that evaluates every window on time sees, so its alarms are the same.
    `windows` are the starts of all windows of the model, in order: a segment that is in none of them any more has left.
    """
    looks: list[Look] = []
    alarms: list[Alarm] = []
    active: Severity | None = None
    for start, end, judgement in judged:
        if active is not None and looks and (left := _left_at(rule, segment, looks[-1].start, start, windows)):
            active = None
            alarms[-1] = replace(alarms[-1], until=left)
        looks.append(to_look(judgement, start))
        transition = next_transition(active, looks[-looks_back(rule) :], rule)
        if transition.change is Change.OPEN:
            active = transition.severity
            alarms.append(_alarm(rule, segment, transition, end, judgement))
        elif transition.change is Change.RESOLVE:
            active = None
            alarms[-1] = replace(alarms[-1], until=transition.until)
        elif active is not None and judgement.verdict is Verdict.BREACH:
            active = transition.severity if transition.change is Change.ESCALATE else active
            in_breach = alarms[-1].windows_in_breach + 1
            alarms[-1] = replace(alarms[-1], severity=active, windows_in_breach=in_breach)
    if active is not None and (left := _left_at(rule, segment, looks[-1].start, None, windows)):
        alarms[-1] = replace(alarms[-1], until=left)
    return alarms


def _alarm(rule: MonitorRule, segment: str, opening: Transition, known_at: datetime, judgement: Judgement) -> Alarm:
    assert opening.since is not None
    return Alarm(
        rule.name,
        segment,
        opening.severity,
        opening.since,
        known_at,
        None,
        opening.windows_in_breach,
        judgement.reason,
        opening.columns,
    )


def _left_at(
    rule: MonitorRule, segment: str, last: datetime, until: datetime | None, windows: Sequence[datetime]
) -> datetime | None:
    """The first window without the segment, if by `until` it had left for good; None where it had not."""
    if segment == ALL:
        return None
    later = windows[bisect_right(windows, last) : None if until is None else bisect_left(windows, until)]
    return later[0] if later and has_left(segment, last, later[-1], len(later), rule) else None
