"""The monitors a model gets without anybody configuring it: few, and each worth waking somebody for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from monitor.drift.judge import RATE
from monitor.estimation import THRESHOLDS
from monitor.evaluation.rules import MonitorRule, Severity
from monitor.performance import primary_metric
from monitor.schemas import Task

# How a fall is told from a rise, and the least change worth a message.
_PERFORMANCE = {
    "auc": {"kind": "baseline", "direction": "low", "sigmas": 3, "smallest": 0.05},
    "accuracy": {"kind": "baseline", "direction": "low", "sigmas": 3, "smallest": 0.05},
    "mae": {"kind": "baseline", "direction": "high", "sigmas": 3, "share": 0.2},
    "ndcg": {"kind": "baseline", "direction": "low", "sigmas": 3, "smallest": 0.05},
}

# Drift sees values beyond the known ones and unknown categories as well, and type errors have a monitor of their own.
_SEEN_BY_OTHERS = ["out_of_range", "unseen_category", "outliers", "type_errors"]
_QUALITY = {"kind": "quality", "rate": 0.01, "leave_out": _SEEN_BY_OTHERS}
_ESTIMATED = {
    Task.BINARY: "estimated_accuracy",
    Task.MULTICLASS: "estimated_accuracy",
    Task.REGRESSION: "estimated_mae",
}


def default_rules(
    task: Task | None, scored: bool, has_baseline: bool, window: timedelta, min_rows: int, smallest_drift: float
) -> list[MonitorRule]:
    """Service monitors at once; drift and performance monitors as soon as there is a baseline to compare with."""
    rules = [
        MonitorRule(
            "error_rate",
            "error_rate",
            window,
            {"kind": "baseline", "direction": "high", "sigmas": 3, "smallest": 0.05, "without_baseline": 0.05},
            breaches=1,
            looks=1,
            recoveries=1,
            min_rows=min_rows,
            severity=Severity.CRITICAL,
        ),
        MonitorRule(
            "latency_p95",
            "latency_p95",
            window,
            {"kind": "baseline", "direction": "high", "sigmas": 4, "smallest": 50.0, "share": 0.5},
            min_rows=min_rows,
        ),
        MonitorRule(
            "type_errors",
            "type_errors",
            window,
            {"kind": "baseline", "direction": "high", "sigmas": 3, "smallest": 0.02, "without_baseline": 0.02},
            min_rows=min_rows,
        ),
        MonitorRule("silence", "silence", window, {"kind": "silence", "factor": 2}, 1, 1, 1, min_rows=0),
    ]
    if not has_baseline:
        return rules
    drift = {"kind": "calibrated", "method": "jensenshannon", "smallest": smallest_drift, "rate": RATE}
    rules += [
        MonitorRule("data_quality", "data_quality", window, _QUALITY, min_rows=min_rows),
        MonitorRule("feature_drift", "drift", window, drift, 3, 4, 3, min_rows=min_rows),
        MonitorRule("prediction_drift", "prediction_drift", window, drift, 3, 4, 3, min_rows=min_rows),
    ]
    if task in _ESTIMATED and (scored or task is not Task.BINARY):
        name = _ESTIMATED[task]
        rules.append(MonitorRule(name, name, window, THRESHOLDS[name], min_rows=min_rows))
    metric = primary_metric(task, scored)
    if metric is not None:
        rules.append(MonitorRule(metric, metric, window, _PERFORMANCE[metric], min_rows=min_rows))
    return rules


def segment_rules(rules: Sequence[MonitorRule]) -> list[MonitorRule]:
    """What every segment of a model is watched for: drift of its features, its errors, and its performance."""
    watched = {"drift", "error_rate", *_PERFORMANCE}
    return [replace(rule, name=f"{rule.name}_by_segment", segment="*") for rule in rules if rule.metric in watched]
