"""Data quality: what is wrong with a window's rows, as the judgement of a monitor."""

from __future__ import annotations

from typing import Any

from monitor.evaluation.evidence import evidence_of
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.point_verdict import undecided
from monitor.evaluation.rules import MonitorRule, Verdict
from monitor.points import undefined
from monitor.quality import QualityFinding, QualityRule, judge_quality, quality_summary
from monitor.quality.finding import OF_ROWS


def judge_data_quality(rule: MonitorRule, facts: WindowFacts) -> Judgement:
    """A breach where any share of broken rows is more than the baseline's, certainly and by enough to matter.

    Of too few rows nothing can be said, but that they are too few where many are usual; no rows at all are silence.
    """
    rows = facts.profile.service.rows
    if facts.baseline is None:
        return _undecided(rule, Verdict.UNDEFINED, "there is no baseline yet", facts)
    wanted = QualityRule(rule.min_rows, float(rule.threshold.get("rate", 0.01)), rule.threshold.get("smallest", {}))
    left_out = rule.threshold.get("leave_out", ())
    found = judge_quality(facts.baseline, facts.profile, wanted, facts.rhythm)
    findings = [finding for finding in found if finding.kind not in left_out]
    if rows < rule.min_rows and not (rows and findings):
        return _undecided(rule, Verdict.INSUFFICIENT, f"{rows} rows, {rule.min_rows} needed", facts)
    reason = quality_summary(findings, len(facts.baseline.whole.columns))
    evidence = evidence_of(facts, rule, reason, rows, float(len(findings)))
    evidence["columns"] = [_column(finding) for finding in findings]
    columns = tuple(dict.fromkeys(finding.column or finding.kind for finding in findings))
    verdict = Verdict.BREACH if findings else Verdict.OK
    return Judgement(rule, verdict, rule.severity, float(len(findings)), None, 0.0, rows, reason, evidence, columns)


def _undecided(rule: MonitorRule, verdict: Verdict, reason: str, facts: WindowFacts) -> Judgement:
    return undecided(rule, verdict, undefined(rule.metric, facts.profile.service.rows, reason), reason, facts)


def findings_of(judgement: Judgement) -> list[QualityFinding]:
    """What a judgement of data quality found wrong, from its evidence."""
    return [
        QualityFinding(
            "" if column["name"] == column["kind"] and column["kind"] in OF_ROWS else column["name"],
            column["kind"],
            column["value"],
            column["limit"],
            column["p_value"],
            judgement.n,
            column["why"],
        )
        for column in judgement.evidence["columns"]
    ]


def _column(finding: QualityFinding) -> dict[str, Any]:
    """A finding of the window as a whole stands under its kind."""
    return {
        "name": finding.column or finding.kind,
        "kind": finding.kind,
        "value": finding.value,
        "limit": finding.limit,
        "p_value": finding.p_value,
        "why": finding.why,
    }
