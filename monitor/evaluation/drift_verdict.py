"""Drift: the verdicts on columns as points, and as the judgement of a monitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.drift import ColumnVerdict, DriftRule, get_method, judge_columns, judge_prediction
from monitor.drift.judge import RATE, SMALLEST
from monitor.drift.target import judge_target
from monitor.errors import InvalidValue
from monitor.evaluation import words
from monitor.evaluation.evidence import evidence_of
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.point_verdict import too_few, undecided
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.evaluation.thresholds import Bounds
from monitor.points import Point, Status, undefined

_PREDICTIONS, _LABELS = "Predictions", "Labels"
_WHOLE = {"prediction_drift": _PREDICTIONS, "target_drift": _LABELS}
"""Metrics of one distribution of the whole model, and what it is of."""


def column_drift(facts: WindowFacts, rule: MonitorRule | None) -> list[ColumnVerdict]:
    if facts.column_verdicts is not None:
        return list(facts.column_verdicts)
    return judge_columns(facts.baseline, facts.profile, drift_rule_of(rule)) if facts.baseline else []


def prediction_drift(facts: WindowFacts, rule: MonitorRule | None) -> ColumnVerdict | None:
    if facts.prediction_verdict is not None:
        return facts.prediction_verdict
    return judge_prediction(facts.baseline, facts.profile, drift_rule_of(rule)) if facts.baseline else None


def target_drift(facts: WindowFacts, rule: MonitorRule | None) -> ColumnVerdict | None:
    """The verdict on the labels that have come; None where the window or the baseline has none."""
    if facts.baseline is None or not facts.profile.labelled.labelled:
        return None
    return judge_target(facts.baseline, facts.profile, drift_rule_of(rule))


def drift_rule_of(rule: MonitorRule | None) -> DriftRule:
    """The rule as drift knows it. Raises InvalidValue for a method that can't be computed from profiles."""
    if rule is None:
        return DriftRule()
    threshold = rule.threshold
    method = get_method(threshold.get("method", "jensenshannon"))
    if method.distance is None:
        raise InvalidValue(f"drift method {method.name!r} needs rows; a monitor accepts those that compare profiles")
    return DriftRule(
        rule.min_rows, method, float(threshold.get("smallest", SMALLEST)), float(threshold.get("rate", RATE))
    )


def drift_point(metric: str, verdict: ColumnVerdict, column: str = "") -> Point:
    reason = "" if verdict.status is Status.OK else verdict.why
    return Point(metric, verdict.value, verdict.n, column, status=verdict.status, reason=reason)


def judge_target_drift(rule: MonitorRule, verdict: ColumnVerdict | None, facts: WindowFacts) -> Judgement:
    """As predictions are judged, once most of the labels have come: the first of them are seldom typical."""
    labelled = facts.profile.labelled.labelled
    point = drift_point(rule.metric, verdict) if verdict else undefined(rule.metric, labelled, "")
    short = too_few(rule, point, facts) if facts.baseline else ""
    if not short:
        return judge_drift(rule, [verdict] if verdict else [], facts)
    return undecided(rule, Verdict.INSUFFICIENT, point, short, facts)


def judge_drift(rule: MonitorRule, verdicts: Sequence[ColumnVerdict], facts: WindowFacts) -> Judgement:
    decided = [verdict for verdict in verdicts if verdict.status is Status.OK]
    flagged = sorted((v for v in decided if v.breach), key=_distance, reverse=True)
    whole = _WHOLE.get(rule.metric, "")
    n = facts.profile.labelled.labelled if whole == _LABELS else facts.profile.service.rows
    if not decided:
        few = any(verdict.status is Status.INSUFFICIENT for verdict in verdicts)
        verdict = Verdict.INSUFFICIENT if few else Verdict.UNDEFINED
        reason = verdicts[0].why if verdicts else _nothing_to_compare(rule, facts)
        return Judgement(rule, verdict, rule.severity, None, None, None, n, reason, evidence_of(facts, rule, reason, n))
    shown = flagged[0] if flagged else max(decided, key=_distance)
    worst, limit = shown.value or 0.0, shown.limit
    normal = Bounds(low=limit) if _is_test(shown) else Bounds(high=limit)
    reason = words.drift_summary(flagged, len(decided), whole)
    evidence = evidence_of(facts, rule, reason, n, worst, normal)
    evidence["columns"] = [_column(verdict) for verdict in flagged]
    evidence["all_columns"] = [{**_column(v), "breach": v.breach, "status": v.status.value} for v in verdicts]
    return Judgement(
        rule,
        Verdict.BREACH if flagged else Verdict.OK,
        Severity.CRITICAL if whole == _PREDICTIONS and worst >= 2 * limit and flagged else rule.severity,
        worst,
        normal.low,
        normal.high,
        n,
        reason,
        evidence,
        () if whole else tuple(v.name for v in flagged),
    )


def _is_test(verdict: ColumnVerdict) -> bool:
    """Whether its value is the p-value of a test, as those of some presets and methods are: less is further."""
    return verdict.value is not None and verdict.value == verdict.p_value


def _distance(verdict: ColumnVerdict) -> float:
    """For the order of columns: more is further."""
    value = verdict.value or 0.0
    return -value if _is_test(verdict) else value


def _nothing_to_compare(rule: MonitorRule, facts: WindowFacts) -> str:
    if facts.baseline is None:
        return "there is no baseline yet"
    return f"the baseline has no {_WHOLE.get(rule.metric, 'features').lower()}"


def _column(verdict: ColumnVerdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "value": verdict.value,
        "limit": verdict.limit,
        "p_value": verdict.p_value,
        "why": verdict.why,
    }
