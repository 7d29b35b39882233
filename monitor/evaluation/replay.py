"""Replaying a monitor's judgements through the state machine: which incidents it would have opened, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.evaluation.facts import Judgement
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.evaluation.state_machine import Change, Look, next_transition

MORE_LOOKS = 20
"""Looks before those that decide, which show since when an incident has been."""


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
    columns = judgement.columns if judgement.verdict is Verdict.BREACH and judgement.rule.metric == "drift" else ()
    return Look(start, judgement.verdict, judgement.severity, columns)


def replay(rule: MonitorRule, segment: str, judged: Iterable[tuple[datetime, datetime, Judgement]]) -> list[Alarm]:
    """The alarms of one segment's windows, given as (start, end, judgement) in time order.

    It sees at each window what a worker that evaluates every window on time sees, so its alarms are the same.
    """
    looks: list[Look] = []
    alarms: list[Alarm] = []
    active: Severity | None = None
    for start, end, judgement in judged:
        looks.append(to_look(judgement, start))
        transition = next_transition(active, looks[-(rule.looks + rule.recoveries + MORE_LOOKS) :], rule)
        match transition.change:
            case Change.OPEN:
                assert transition.since is not None
                active = transition.severity
                alarms.append(
                    Alarm(
                        rule.name,
                        segment,
                        active,
                        transition.since,
                        end,
                        None,
                        transition.windows_in_breach,
                        judgement.reason,
                        transition.columns,
                    )
                )
            case Change.ESCALATE:
                active = transition.severity
                alarms[-1] = replace(alarms[-1], severity=active, windows_in_breach=alarms[-1].windows_in_breach + 1)
            case Change.RESOLVE:
                active = None
                alarms[-1] = replace(alarms[-1], until=transition.until)
            case Change.NONE:
                if active is not None and judgement.verdict is Verdict.BREACH:
                    alarms[-1] = replace(alarms[-1], windows_in_breach=alarms[-1].windows_in_breach + 1)
    return alarms
