"""When a breach becomes an incident, and when the incident is over: a pure function of what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from monitor.dimensions import VERSION
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.segments import segment_key
from monitor.windows import WEEK

BY_COLUMN = frozenset({"drift", "data_quality"})
"""Metrics whose breaches are of single columns: one column twice is news, two columns once are noise."""
MORE_LOOKS = 20
"""Looks before those that decide, which show since when an incident has been."""


class Change(StrEnum):
    NONE = "none"
    OPEN = "open"
    ESCALATE = "escalate"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Look:
    """One decided or undecided look at one window; `columns` are the features in breach, where the metric has some."""

    start: datetime
    verdict: Verdict
    severity: Severity = Severity.WARNING
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """What happens now. `since` is the start of the first window in breach, `until` that of the first one after."""

    change: Change
    severity: Severity = Severity.WARNING
    since: datetime | None = None
    until: datetime | None = None
    windows_in_breach: int = 0
    columns: tuple[str, ...] = ()


NO_CHANGE = Transition(Change.NONE)


def looks_back(rule: MonitorRule) -> int:
    """How many of the newest looks are asked about."""
    return rule.looks + rule.recoveries + MORE_LOOKS


def has_left(segment: str, last: datetime, newest: datetime, windows: int, rule: MonitorRule) -> bool:
    """Whether a segment that was last seen at `last` is gone for good, so that its incident is over.

    Since then the model had so many `windows` with rows, the `newest` at that time, in none of which the segment had
    any. For as many as a recovery takes it may just be quiet, and after a week it is not. A version is gone at once:
    it serves no more.
    """
    return windows >= rule.recoveries and (segment.startswith(segment_key(VERSION, "")) or newest - last >= WEEK)


def next_transition(active: Severity | None, looks: Sequence[Look], rule: MonitorRule) -> Transition:
    """The change that these looks (in window order, the newest last) ask for.

    `active` is the severity of the open incident, None when there is none. Windows without enough rows neither open nor
    resolve anything. Applying a transition and asking again with the same looks gives no further change.
    """
    decided = [look for look in looks if look.verdict in (Verdict.OK, Verdict.BREACH)]
    if not decided:
        return NO_CHANGE
    if active is None:
        return _opening(decided, rule)
    if _recovered(decided, rule):
        return Transition(Change.RESOLVE, until=_recovery_start(decided, rule))
    opening = _opening(decided, rule)
    if active is Severity.WARNING and opening.severity is Severity.CRITICAL:
        return replace(opening, change=Change.ESCALATE)
    return NO_CHANGE


def _opening(decided: Sequence[Look], rule: MonitorRule) -> Transition:
    tail = decided[-rule.looks :]
    broken = [look for look in tail if look.verdict is Verdict.BREACH]
    if tail[-1].verdict is not Verdict.BREACH or len(broken) < rule.breaches:
        return NO_CHANGE
    columns = persistent_columns(broken, rule.breaches)
    if any(look.columns for look in broken):
        if not columns:
            return NO_CHANGE
        broken = [look for look in broken if set(columns) & set(look.columns)]
    newest = broken[-rule.breaches :]
    severity = Severity.CRITICAL if all(look.severity is Severity.CRITICAL for look in newest) else Severity.WARNING
    return Transition(Change.OPEN, severity, broken[0].start, None, len(broken), columns)


def persistent_columns(broken: Sequence[Look], least: int) -> tuple[str, ...]:
    """The columns in breach in at least so many of the looks."""
    seen = Counter(column for look in broken for column in look.columns)
    return tuple(sorted(column for column, times in seen.items() if times >= least))


def _recovered(decided: Sequence[Look], rule: MonitorRule) -> bool:
    last = decided[-rule.recoveries :]
    return len(last) == rule.recoveries and all(look.verdict is Verdict.OK for look in last)


def _recovery_start(decided: Sequence[Look], rule: MonitorRule) -> datetime:
    start = decided[-rule.recoveries].start
    for look in reversed(decided[: -rule.recoveries]):
        if look.verdict is Verdict.BREACH:
            break
        start = look.start
    return start
