"""Whether a monitor makes sense, said when it is written; and the threshold it gets when none is named."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from monitor.errors import InvalidValue, did_you_mean
from monitor.evaluation.references import reference_of
from monitor.evaluation.rules import MonitorRule
from monitor.evaluation.threshold_kinds import DRIFT_METRICS, PRESET_KINDS, ROW_KINDS, accepted_kinds, check_threshold
from monitor.fairness import RATES
from monitor.metrics import BY_THE_CLOCK, describe
from monitor.segments import ALL, check_pattern
from monitor.windows import rows_of

MOST_LOOKS = 100
WHOLE_MODEL = ROW_KINDS | PRESET_KINDS
"""Kinds of threshold that compare with a baseline's rows, which are not kept by segment."""
LONGEST_NAME = 200
OF_OBJECTIVES = frozenset({"slo_burn", "slo_budget"})
"""Metrics that are of an objective and not of a model's windows."""
OF_PARTS = {"confusion": "accuracy or balanced_accuracy", **{rate: f"{rate}_difference" for rate in RATES}}
"""Metrics of each class or group, and those that sum them up."""


def default_threshold(metric: str) -> dict[str, Any]:
    """What a value is compared with when nobody says: the baseline, in the direction that is bad for the metric."""
    if metric in DRIFT_METRICS:
        return {"kind": "calibrated"}
    if metric == "data_quality":
        return {"kind": "quality"}
    if metric == "silence":
        return {"kind": "silence", "factor": 2}
    first = accepted_kinds(metric)[0]
    if first in ROW_KINDS:
        return {"kind": first}
    return {"kind": "baseline", "direction": describe(metric).bad, "sigmas": 3}


def check_rule(rule: MonitorRule, metrics: Collection[str]) -> None:
    """Raise InvalidValue for what could never be judged, naming what is accepted; `metrics` are those there are."""
    if not rule.name.strip() or len(rule.name) > LONGEST_NAME or "\0" in rule.name:
        raise InvalidValue(f"monitor name {rule.name!r} is not usable; accepted: 1 to {LONGEST_NAME} characters")
    if rule.metric not in metrics:
        hint = did_you_mean(rule.metric, metrics)
        raise InvalidValue(f"metric {rule.metric!r} is not known{hint}; accepted: {', '.join(sorted(metrics))}")
    if rule.metric in OF_OBJECTIVES:
        raise InvalidValue(f"{rule.metric} is watched for the objectives in the settings (slos); change it there")
    if rule.metric in OF_PARTS:
        raise InvalidValue(
            f"{rule.metric} has a value for each part and none of the whole; watch {OF_PARTS[rule.metric]}"
        )
    check_pattern(rule.segment)
    check_threshold(rule.metric, rule.threshold)
    _check_numbers(rule)
    _check_span(rule)


def _check_numbers(rule: MonitorRule) -> None:
    if not 1 <= rule.looks <= MOST_LOOKS:
        raise InvalidValue(f"looks is {rule.looks}; accepted: 1 to {MOST_LOOKS}")
    if not 1 <= rule.breaches <= rule.looks:
        raise InvalidValue(f"breaches is {rule.breaches}; accepted: 1 to looks, which is {rule.looks}")
    if not 1 <= rule.recoveries <= MOST_LOOKS:
        raise InvalidValue(f"recoveries is {rule.recoveries}; accepted: 1 to {MOST_LOOKS}")
    if rule.min_rows < 0:
        raise InvalidValue(f"min_rows is {rule.min_rows}; accepted: 0 or more")


def _check_span(rule: MonitorRule) -> None:
    reference = reference_of(rule.threshold)
    by_clock, rows = rule.metric in BY_THE_CLOCK, rows_of(rule.window)
    if rows and (by_clock or reference is not None or rule.threshold.get("kind") == "relative"):
        what = rule.metric if by_clock else f"a {rule.threshold.get('kind')} threshold on earlier windows"
        raise InvalidValue(f"{what} needs windows of a length of time, not of {rows} rows; accepted: such as 1h")
    kind = rule.threshold.get("kind")
    if rule.segment != ALL and (by_clock or kind in WHOLE_MODEL):
        what = rule.metric if by_clock else f"a {kind} threshold"
        raise InvalidValue(f"{what} is about the whole model; segment is {rule.segment!r}, accepted: all")
