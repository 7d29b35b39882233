"""Judging a window's segments: each against its own part of the baseline, all of them as one family of looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

import msgspec

from monitor.baselines import BaselineProfile
from monitor.drift import ColumnVerdict, DriftRule, judge_columns
from monitor.evaluation.drift_verdict import drift_rule_of
from monitor.evaluation.evaluate import evaluate_window
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.rules import MonitorRule
from monitor.identity_cache import Same
from monitor.points import Point
from monitor.profiles import WindowProfile
from monitor.profiles.columns import ColumnProfile
from monitor.recent_cache import RecentCache
from monitor.segments import ALL

Result = tuple[list[Point], list[Judgement]]
_SEPARATOR = "\0"
# A baseline's statistics are prepared once per object, so the same segments must give the same one.
_joints: RecentCache[BaselineProfile] = RecentCache(64)


def evaluate_segments(
    facts: Mapping[str, WindowFacts], rules: Mapping[str, Sequence[MonitorRule]]
) -> dict[str, Result]:
    """The points and judgements of each segment, by its key; the whole window, `all`, is judged by itself.

    The drift of every column of every other segment goes through one correction for many looks. Of several drift
    monitors of one segment the first decides its points; the others are judged one by one.
    """
    judged = _joint_drift(facts, rules)
    results: dict[str, Result] = {}
    for key, each in facts.items():
        first, more = _one_per_metric(rules.get(key, ()))
        points, judgements = evaluate_window(replace(each, column_verdicts=judged.get(key)), first)
        for rule in more:
            judgements += evaluate_window(each, [rule])[1]
        results[key] = (points, judgements)
    return results


def _one_per_metric(rules: Sequence[MonitorRule]) -> tuple[list[MonitorRule], list[MonitorRule]]:
    """The first rule of each metric, and the rest."""
    first: dict[str, MonitorRule] = {}
    for rule in rules:
        first.setdefault(rule.metric, rule)
    return list(first.values()), [rule for rule in rules if first[rule.metric] is not rule]


def _joint_drift(
    facts: Mapping[str, WindowFacts], rules: Mapping[str, Sequence[MonitorRule]]
) -> dict[str, Sequence[ColumnVerdict]]:
    """The drift of each segment but the whole; segments whose monitors have one drift rule are one family."""
    judged: dict[str, Sequence[ColumnVerdict]] = {
        key: each.column_verdicts for key, each in facts.items() if each.column_verdicts is not None
    }
    families: dict[DriftRule, dict[str, WindowFacts]] = {}
    for key, each in facts.items():
        if key != ALL and key not in judged and each.baseline is not None:
            found = next((rule for rule in rules.get(key, ()) if rule.metric == "drift"), None)
            families.setdefault(drift_rule_of(found), {})[key] = each
    for drift_rule, family in families.items():
        references = {key: each.baseline for key, each in family.items() if each.baseline is not None}
        judged |= judge_segments(references, {key: each.profile for key, each in family.items()}, drift_rule)
    return judged


def judge_segments(
    references: Mapping[str, BaselineProfile], windows: Mapping[str, WindowProfile], rule: DriftRule
) -> dict[str, list[ColumnVerdict]]:
    """A verdict for every column of every segment, with one false discovery rate over all of them.

    A segment that has no rows in the window is judged as an empty one, which is `insufficient`.
    """
    joint = _joints.get(tuple((key, Same(each)) for key, each in references.items()), lambda: _joined(references))
    window = _side_by_side({key: windows.get(key, WindowProfile()) for key in references})
    verdicts: dict[str, list[ColumnVerdict]] = {key: [] for key in references}
    for verdict in judge_columns(joint, window, rule):
        key, _, name = verdict.name.partition(_SEPARATOR)
        verdicts[key].append(msgspec.structs.replace(verdict, name=name))
    return verdicts


def _joined(references: Mapping[str, BaselineProfile]) -> BaselineProfile:
    """The segments' baselines as one."""
    rows = zip_longest(*(each.blocks for each in references.values()))
    blocks = [{key: block for key, block in zip(references, row, strict=True) if block is not None} for row in rows]
    whole = _side_by_side({key: each.whole for key, each in references.items()})
    return BaselineProfile({}, None, whole, tuple(map(_side_by_side, blocks)))


def _side_by_side(profiles: Mapping[str, WindowProfile]) -> WindowProfile:
    """One profile with the columns of all, each named after its segment."""
    columns: dict[str, ColumnProfile] = {
        f"{key}{_SEPARATOR}{name}": column for key, each in profiles.items() for name, column in each.columns.items()
    }
    return WindowProfile(columns=columns)
