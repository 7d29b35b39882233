"""One window of one model: its points, and each monitor's judgement of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any

from monitor.baselines import BaselineProfile
from monitor.drift import ColumnVerdict, DriftRule, get_method, judge_columns, judge_prediction
from monitor.drift.judge import RATE, SMALLEST
from monitor.evaluation import words
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.evaluation.thresholds import Bounds, bounds_of, breaches, is_far_out
from monitor.metrics import BY_THE_CLOCK, describe
from monitor.performance import performance_points
from monitor.points import Point, Status, share_point, undefined
from monitor.profiles import WindowProfile
from monitor.schemas import Task
from monitor.service import service_points
from monitor.windows import Window

PERFORMANCE_METRICS = frozenset({"accuracy", "precision", "recall", "f1", "auc", "mae", "rmse", "bias"})
# Labels that come first are seldom typical (the flights that were on time), so a window waits for most of them.
COVERAGE_SHARE = 0.8
# These grow with the span they are counted over, and a baseline's blocks are not as long as a window.
_COUNTS = frozenset({"predictions", "throughput", "labels"})


@dataclass(frozen=True)
class WindowFacts:
    """All that a verdict depends on. `history` holds each metric's values in earlier windows, the newest last."""

    window: Window
    profile: WindowProfile
    baseline: BaselineProfile | None = None
    baseline_name: str = ""
    task: Task | None = None
    positive_class: str | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    earlier: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By (metric, "1w"): the metric's value in the window that much before this one, for relative thresholds."""
    column_verdicts: Sequence[ColumnVerdict] | None = None
    """The features' drift where it was judged before: together with other segments', or by a preset on rows."""
    prediction_verdict: ColumnVerdict | None = None

    @cached_property
    def block_points(self) -> list[dict[str, Point]]:
        """Each block of the baseline as points by metric; worked out once for all monitors."""
        return [self._measured(block) for block in self.baseline.blocks] if self.baseline else []

    @cached_property
    def whole_points(self) -> dict[str, Point]:
        """The whole baseline as points by metric."""
        return self._measured(self.baseline.whole) if self.baseline else {}

    def _measured(self, profile: WindowProfile) -> dict[str, Point]:
        return {point.metric: point for point in plain_points(profile, self) if point.status is Status.OK}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One monitor's verdict on one window, with its reason in words and its evidence as JSON-ready data."""

    rule: MonitorRule
    verdict: Verdict
    severity: Severity
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str
    evidence: dict[str, Any]
    columns: tuple[str, ...] = ()


def evaluate_window(facts: WindowFacts, rules: Sequence[MonitorRule]) -> tuple[list[Point], list[Judgement]]:
    """The window's metric points, and a judgement per rule (what is judged by the clock is left out)."""
    drift_rules = {rule.metric: rule for rule in rules if rule.metric in ("drift", "prediction_drift")}
    columns = _drift(facts, drift_rules.get("drift"))
    prediction = _prediction_drift(facts, drift_rules.get("prediction_drift"))
    points = plain_points(facts.profile, facts)
    points += [_as_point("drift", verdict, verdict.name) for verdict in columns]
    points += [_as_point("prediction_drift", prediction)] if prediction else []
    points += _quality(facts.profile)
    by_metric = {point.metric: point for point in points if not point.column}
    judgements = []
    for rule in rules:
        if rule.metric == "drift":
            judgements.append(_judge_drift(rule, columns, facts))
        elif rule.metric == "prediction_drift":
            judgements.append(_judge_drift(rule, [prediction] if prediction else [], facts))
        elif rule.metric not in BY_THE_CLOCK:
            point = by_metric.get(rule.metric) or undefined(rule.metric, 0, f"this model has no {rule.metric}")
            judgements.append(_judge_point(rule, point, facts))
    return points, judgements


def plain_points(profile: WindowProfile, facts: WindowFacts) -> list[Point]:
    """Service and performance metrics: those that need no baseline."""
    return [
        *service_points(profile.service, facts.window.size),
        *performance_points(profile.labelled, facts.task, facts.positive_class),
    ]


def _drift(facts: WindowFacts, rule: MonitorRule | None) -> list[ColumnVerdict]:
    if facts.column_verdicts is not None:
        return list(facts.column_verdicts)
    return judge_columns(facts.baseline, facts.profile, drift_rule_of(rule)) if facts.baseline else []


def _prediction_drift(facts: WindowFacts, rule: MonitorRule | None) -> ColumnVerdict | None:
    if facts.prediction_verdict is not None:
        return facts.prediction_verdict
    return judge_prediction(facts.baseline, facts.profile, drift_rule_of(rule)) if facts.baseline else None


def drift_rule_of(rule: MonitorRule | None) -> DriftRule:
    if rule is None:
        return DriftRule()
    threshold = rule.threshold
    method = get_method(threshold.get("method", "jensenshannon"))
    return DriftRule(
        rule.min_rows, method, float(threshold.get("smallest", SMALLEST)), float(threshold.get("rate", RATE))
    )


def _as_point(metric: str, verdict: ColumnVerdict, column: str = "") -> Point:
    reason = "" if verdict.status is Status.OK else verdict.why
    return Point(metric, verdict.value, verdict.n, column, status=verdict.status, reason=reason)


def _quality(profile: WindowProfile) -> list[Point]:
    points = [share_point("missing_rate", c.missing, c.rows, name) for name, c in profile.columns.items()]
    rows, worst = profile.service.rows, max(profile.type_errors.values(), default=0)
    points += [share_point("type_errors", n, rows, name) for name, n in profile.type_errors.items()]
    return [*points, share_point("type_errors", worst, rows)]


def _judge_drift(rule: MonitorRule, verdicts: Sequence[ColumnVerdict], facts: WindowFacts) -> Judgement:
    decided = [verdict for verdict in verdicts if verdict.status is Status.OK]
    flagged = sorted((v for v in decided if v.breach), key=lambda v: -(v.value or 0.0))
    n = facts.profile.service.rows
    if not decided:
        few = any(verdict.status is Status.INSUFFICIENT for verdict in verdicts)
        verdict = Verdict.INSUFFICIENT if few else Verdict.UNDEFINED
        reason = verdicts[0].why if verdicts else _nothing_to_compare(rule, facts)
        return Judgement(rule, verdict, rule.severity, None, None, None, n, reason, _evidence(facts, rule, reason, n))
    shown = flagged[0] if flagged else max(decided, key=lambda v: v.value or 0.0)
    worst, limit = shown.value or 0.0, shown.limit
    is_prediction = rule.metric == "prediction_drift"
    reason = words.drift_summary(flagged, len(decided), is_prediction)
    evidence = _evidence(facts, rule, reason, n, worst, Bounds(high=limit))
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


def _judge_point(rule: MonitorRule, point: Point, facts: WindowFacts) -> Judgement:
    short = _too_few(rule, point, facts)
    if short or point.status is not Status.OK or point.value is None:
        verdict = Verdict.INSUFFICIENT if short else Verdict.UNDEFINED
        return _undecided(rule, verdict, point, short or point.reason, facts)
    bounds = bounds_of(rule.threshold, point, _normal(rule, facts))
    if bounds is None:
        return _undecided(rule, Verdict.UNDEFINED, point, f"nothing to compare {rule.metric} with yet", facts)
    broken = breaches(point, bounds)
    reason = words.point_summary(rule.metric, point, bounds)
    far = broken and is_far_out(point, bounds)
    evidence = _evidence(facts, rule, reason, point.n, point.value, bounds)
    if broken and rule.metric == "type_errors":
        evidence["columns"] = _mistyped(facts.profile, bounds.high or 0.0)
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


def _mistyped(profile: WindowProfile, limit: float) -> list[dict[str, Any]]:
    """The features that came with values of another kind, the worst first."""
    ranked = sorted(profile.type_errors.items(), key=lambda item: (-item[1], item[0]))
    shares = [(name, count / profile.service.rows) for name, count in ranked]
    why = "values of another kind than the schema's"
    return [
        {"name": name, "value": share, "limit": limit, "p_value": None, "why": why}
        for name, share in shares
        if share > limit
    ]


def _undecided(rule: MonitorRule, verdict: Verdict, point: Point, reason: str, facts: WindowFacts) -> Judgement:
    evidence = _evidence(facts, rule, reason, point.n, point.value)
    return Judgement(rule, verdict, rule.severity, point.value, None, None, point.n, reason, evidence)


def _too_few(rule: MonitorRule, point: Point, facts: WindowFacts) -> str:
    labelled, is_performance = facts.profile.labelled, rule.metric in PERFORMANCE_METRICS
    if point.status is Status.UNDEFINED and not is_performance and facts.profile.service.rows >= rule.min_rows:
        return ""  # rows there are, and the point says what else is missing
    if point.n < rule.min_rows:
        return f"{point.n} {'labelled rows' if is_performance else 'rows'}, {rule.min_rows} needed"
    if is_performance and labelled.predicted:
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


def _evidence(
    facts: WindowFacts,
    rule: MonitorRule,
    summary: str,
    n: int,
    value: float | None = None,
    bounds: Bounds | None = None,
) -> dict[str, Any]:
    rows = sum(facts.profile.versions.values())
    return {
        "summary": summary,
        "value": _finite(value),
        "low": _finite(bounds.low) if bounds else None,
        "high": _finite(bounds.high) if bounds else None,
        "n": n,
        "unit": describe(rule.metric).unit,
        "baseline": facts.baseline_name,
        "window": {"start": facts.window.start.isoformat(), "seconds": int(facts.window.size.total_seconds())},
        "columns": [],
        "versions": [
            {"name": name, "share": count / rows}
            for name, count in sorted(facts.profile.versions.items(), key=lambda item: -item[1])
        ],
    }


def _finite(value: float | None) -> float | None:
    """JSON, and so PostgreSQL, knows no infinity."""
    return value if value is not None and math.isfinite(value) else None
