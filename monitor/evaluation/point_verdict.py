"""The judgement of one metric's point: enough rows, enough labels, within its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from monitor.estimation import realised_metric
from monitor.evaluation import words
from monitor.evaluation.evidence import evidence_of
from monitor.evaluation.facts import Judgement, WindowFacts
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.evaluation.thresholds import bounds_of, breaches, is_far_out
from monitor.metrics import describe
from monitor.performance import PERFORMANCE_METRICS
from monitor.points import Point, Status, undefined

# Labels that come first are seldom typical (the flights that were on time), so a window waits for most of them.
COVERAGE_SHARE = 0.8
# These grow with the span they are counted over, and a baseline's blocks are not as long as a window.
COLUMN_METRICS = frozenset({"type_errors", "out_of_range", "unseen_category"})
_COUNTS = frozenset({"predictions", "throughput", "labels"})
_OF_LABELS = PERFORMANCE_METRICS | {"target_drift"}


def judge_point(rule: MonitorRule, points: Sequence[Point], facts: WindowFacts) -> Judgement:
    """The monitor's verdict on its metric of the window; `points` are all of the window's."""
    found = (point for point in points if point.metric == rule.metric and not point.column)
    point = next(found, None) or undefined(rule.metric, 0, f"this model has no {rule.metric}")
    short = too_few(rule, point, facts)
    if short or point.status is not Status.OK or point.value is None:
        verdict = Verdict.INSUFFICIENT if short else Verdict.UNDEFINED
        return undecided(rule, verdict, point, short or point.reason, facts)
    bounds = bounds_of(rule.threshold, point, _normal(rule, facts))
    if bounds is None:
        return undecided(rule, Verdict.UNDEFINED, point, f"nothing to compare {rule.metric} with yet", facts)
    broken = breaches(point, bounds)
    reason = words.point_summary(rule.metric, point, bounds)
    far = broken and is_far_out(point, bounds)
    evidence = evidence_of(facts, rule, reason, point.n, point.value, bounds)
    if broken and rule.metric in COLUMN_METRICS:
        evidence["columns"] = _worst_columns(rule.metric, points, bounds.high or 0.0)
    return Judgement(
        rule,
        Verdict.BREACH if broken else Verdict.OK,
        Severity.CRITICAL if far else rule.severity,
        point.value,
        bounds.low,
        bounds.high,
        point.n,
        reason,
        evidence,
        tuple(column["name"] for column in evidence["columns"]),
    )


def _worst_columns(metric: str, points: Sequence[Point], limit: float) -> list[dict[str, Any]]:
    """The features that are beyond the limit, the worst first."""
    found = [point for point in points if point.metric == metric and point.column and (point.value or 0.0) > limit]
    why = describe(metric).help.rstrip(".").lower()
    return [
        {"name": point.column, "value": point.value, "limit": limit, "p_value": None, "why": why}
        for point in sorted(found, key=lambda point: (-(point.value or 0.0), point.column))
    ]


def undecided(rule: MonitorRule, verdict: Verdict, point: Point, reason: str, facts: WindowFacts) -> Judgement:
    """The judgement of a monitor that can't say yes or no, and why."""
    evidence = evidence_of(facts, rule, reason, point.n, point.value)
    return Judgement(rule, verdict, rule.severity, point.value, None, None, point.n, reason, evidence)


def too_few(rule: MonitorRule, point: Point, facts: WindowFacts) -> str:
    """Why a point has too few rows or labels behind it to be judged; empty where it has enough."""
    labelled, needs_labels = facts.profile.labelled, rule.metric in _OF_LABELS
    if point.status is Status.UNDEFINED and not needs_labels and facts.profile.service.rows >= rule.min_rows:
        return ""  # rows there are, and the point says what else is missing
    if point.n < rule.min_rows:
        return f"{point.n} {'labelled rows' if needs_labels else 'rows'}, {rule.min_rows} needed"
    if needs_labels and labelled.predicted:
        coverage, usual = labelled.labelled / labelled.predicted, usual_coverage(facts)
        if coverage < COVERAGE_SHARE * usual:
            return f"labels have come for {coverage:.0%} of the predictions, {usual:.0%} are usual"
    return ""


def usual_coverage(facts: WindowFacts) -> float:
    """The share of predictions that get a label when all is well: the baseline's, or earlier windows'; 0 if unknown."""
    if facts.baseline and facts.baseline.whole.labelled.predicted and facts.baseline.whole.labelled.labelled:
        return facts.baseline.whole.labelled.labelled / facts.baseline.whole.labelled.predicted
    earlier = facts.history.get("label_coverage", ())
    return median(earlier) if len(earlier) >= 5 else 0.0


def _normal(rule: MonitorRule, facts: WindowFacts) -> list[float]:
    if rule.threshold.get("kind") != "relative":
        return normal_values(rule.metric, facts, rule.min_rows)
    value = facts.earlier.get((rule.metric, rule.threshold.get("to", "")))
    return [] if value is None else [value]


def normal_values(metric: str, facts: WindowFacts, least_rows: int = 0) -> list[float]:
    """A metric's values when all is well: in the baseline's blocks, else in its whole, else in earlier windows.

    Blocks with fewer than `least_rows` rows are left out, as such windows are: their values are anywhere.
    """
    metric = realised_metric(metric)  # an estimate is judged by what was real
    if facts.baseline and metric not in _COUNTS:
        found = [points[metric] for points in facts.block_points if metric in points]
        values = [point.value for point in found if point.value is not None and point.n >= least_rows]
        if len(values) >= 5:
            return values
        whole = facts.whole_points.get(metric)
        if whole is not None and whole.value is not None:
            return [whole.value]
    earlier = list(facts.history.get(metric, ()))
    return earlier if len(earlier) >= 5 else []
