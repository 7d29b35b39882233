"""Drift: the verdicts on columns as points, and as the judgement of a monitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.drift import ColumnVerdict, DriftRule, get_method, judge_columns, judge_prediction
from monitor.drift.judge import RATE, SMALLEST
from monitor.errors import InvalidValue
from monitor.evaluation import words
from monitor.evaluation.evidence import evidence_of
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.evaluation.thresholds import Bounds
from monitor.points import Point, Status


def column_drift(facts: WindowFacts, rule: MonitorRule | None) -> list[ColumnVerdict]:
    if facts.column_verdicts is not None:
        return list(facts.column_verdicts)
    return judge_columns(facts.baseline, facts.profile, drift_rule_of(rule)) if facts.baseline else []


def prediction_drift(facts: WindowFacts, rule: MonitorRule | None) -> ColumnVerdict | None:
    if facts.prediction_verdict is not None:
        return facts.prediction_verdict
    return judge_prediction(facts.baseline, facts.profile, drift_rule_of(rule)) if facts.baseline else None


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


def judge_drift(rule: MonitorRule, verdicts: Sequence[ColumnVerdict], facts: WindowFacts) -> Judgement:
    decided = [verdict for verdict in verdicts if verdict.status is Status.OK]
    flagged = sorted((v for v in decided if v.breach), key=lambda v: -(v.value or 0.0))
    n = facts.profile.service.rows
    if not decided:
        few = any(verdict.status is Status.INSUFFICIENT for verdict in verdicts)
        verdict = Verdict.INSUFFICIENT if few else Verdict.UNDEFINED
        reason = verdicts[0].why if verdicts else _nothing_to_compare(rule, facts)
        return Judgement(rule, verdict, rule.severity, None, None, None, n, reason, evidence_of(facts, rule, reason, n))
    shown = flagged[0] if flagged else max(decided, key=lambda v: v.value or 0.0)
    worst, limit = shown.value or 0.0, shown.limit
    is_prediction = rule.metric == "prediction_drift"
    reason = words.drift_summary(flagged, len(decided), is_prediction)
    evidence = evidence_of(facts, rule, reason, n, worst, Bounds(high=limit))
    evidence["columns"] = [_column(verdict) for verdict in flagged]
    evidence["all_columns"] = [{**_column(v), "breach": v.breach, "status": v.status.value} for v in verdicts]
    return Judgement(
        rule,
        Verdict.BREACH if flagged else Verdict.OK,
        Severity.CRITICAL if is_prediction and worst >= 2 * limit else rule.severity,
        worst,
        None,
        limit,
        n,
        reason,
        evidence,
        () if is_prediction else tuple(v.name for v in flagged),
    )


def _nothing_to_compare(rule: MonitorRule, facts: WindowFacts) -> str:
    if facts.baseline is None:
        return "there is no baseline yet"
    return f"the baseline has no {'predictions' if rule.metric == 'prediction_drift' else 'features'}"


def _column(verdict: ColumnVerdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "value": verdict.value,
        "limit": verdict.limit,
        "p_value": verdict.p_value,
        "why": verdict.why,
    }
