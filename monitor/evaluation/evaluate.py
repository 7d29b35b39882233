"""One window of one model: its points, and each monitor's judgement of them."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.estimation import estimated_points, estimation_error_points
from monitor.evaluation.drift_verdict import (
    column_drift,
    drift_point,
    judge_drift,
    judge_target_drift,
    prediction_drift,
    target_drift,
)
from monitor.evaluation.facts import Judgement, WindowFacts, plain_points
from monitor.evaluation.point_verdict import judge_point
from monitor.evaluation.quality_verdict import judge_data_quality
from monitor.evaluation.rules import MonitorRule
from monitor.evaluation.threshold_kinds import DRIFT_METRICS
from monitor.metrics import BY_THE_CLOCK
from monitor.points import Point
from monitor.quality import quality_points
from monitor.quality.volume import volume_point


def evaluate_window(facts: WindowFacts, rules: Sequence[MonitorRule]) -> tuple[list[Point], list[Judgement]]:
    """The window's metric points, and a judgement per rule (what is judged by the clock is left out)."""
    drift_rules = {rule.metric: rule for rule in rules if rule.metric in DRIFT_METRICS}
    columns = column_drift(facts, drift_rules.get("drift"))
    prediction = prediction_drift(facts, drift_rules.get("prediction_drift"))
    labels = target_drift(facts, drift_rules.get("target_drift"))
    points = plain_points(facts.profile, facts)
    points += _estimates(facts, points)
    points += [drift_point("drift", verdict, verdict.name) for verdict in columns]
    points += [drift_point("prediction_drift", prediction)] if prediction else []
    points += [drift_point("target_drift", labels)] if labels else []
    points += quality_points(facts.profile, facts.baseline, facts.window)
    points.append(volume_point(facts.profile.service.weight, facts.rhythm, facts.profile.service.rows))
    judgements = []
    for rule in rules:
        if rule.metric == "drift":
            judgements.append(judge_drift(rule, columns, facts))
        elif rule.metric == "prediction_drift":
            judgements.append(judge_drift(rule, [prediction] if prediction else [], facts))
        elif rule.metric == "target_drift":
            judgements.append(judge_target_drift(rule, labels, facts))
        elif rule.metric == "data_quality":
            judgements.append(judge_data_quality(rule, facts))
        elif rule.metric not in BY_THE_CLOCK:
            judgements.append(judge_point(rule, points, facts))
    return points, judgements


def _estimates(facts: WindowFacts, realised: Sequence[Point]) -> list[Point]:
    """Performance as it is estimated before labels come, and how far that was from what labels said."""
    if facts.estimator is None:
        return []
    estimated = estimated_points(facts.estimator, facts.profile)
    return [*estimated, *estimation_error_points(estimated, realised)]
