"""Which columns of a window have drifted: effect, significance, and a false discovery rate over all columns.

A column is flagged only when its distance is worth waking somebody for (`smallest`), its p-value survives the
correction for having looked at every column (Benjamini, Hochberg 1995), and it has enough rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from monitor.baselines import BaselineProfile
from monitor.drift.distances import jensenshannon
from monitor.drift.methods import DriftMethod
from monitor.drift.null import p_values, usual_distance
from monitor.drift.reference import (
    PREDICTION,
    ReferenceColumn,
    all_counts,
    prepared_columns,
    prepared_prediction,
)
from monitor.drift.words import describe_change
from monitor.false_discovery import false_discovery
from monitor.points import Status
from monitor.profiles import ColumnProfile, WindowProfile

# A mean that moves by 0.14 standard deviations, or a PSI of 0.02: less is nothing to wake anybody for.
SMALLEST = 0.05
# The approximations behind p-values are good to a half at a hundred rows; so 1 % of windows is not exceeded.
RATE = 0.006


class ColumnVerdict(msgspec.Struct, frozen=True):
    """One column of one window: `value` is the distance, `limit` the smallest that counts, `p_value` corrected.

    A column in breach is never below its limit.
    """

    name: str
    value: float | None
    n: int
    limit: float
    p_value: float | None
    breach: bool
    status: Status
    why: str


@dataclass(frozen=True, slots=True)
class DriftRule:
    """The effect (`method`, `smallest`), the false discovery rate, and the rows below which nothing is said."""

    min_rows: int = 50
    method: DriftMethod = jensenshannon
    smallest: float = SMALLEST
    rate: float = RATE


def judge_columns(baseline: BaselineProfile, window: WindowProfile, rule: DriftRule) -> list[ColumnVerdict]:
    """A verdict for every feature of the baseline, in its order; one bad column never stops the others."""
    return _judge(prepared_columns(baseline, rule.min_rows), window.columns, rule)


def judge_prediction(baseline: BaselineProfile, window: WindowProfile, rule: DriftRule) -> ColumnVerdict | None:
    """The verdict for the model's own output; None while the baseline holds none."""
    reference = prepared_prediction(baseline, rule.min_rows)
    current = {PREDICTION: window.prediction} if window.prediction is not None else {}
    return _judge(reference, current, rule)[0] if reference else None


def _judge(
    reference: Mapping[str, ReferenceColumn], current: Mapping[str, ColumnProfile], rule: DriftRule
) -> list[ColumnVerdict]:
    unusable = {name: _unusable(name, column, current.get(name), rule) for name, column in reference.items()}
    usable = [name for name, verdict in unusable.items() if verdict is None]
    chances = p_values([(reference[name], current[name]) for name in usable])
    looked = {
        name: _look(name, reference[name], current[name], p, rule) for name, p in zip(usable, chances, strict=True)
    }
    return _correct([unusable[name] or looked[name] for name in reference], rule.rate)


def _unusable(
    name: str, reference: ReferenceColumn, current: ColumnProfile | None, rule: DriftRule
) -> ColumnVerdict | None:
    """The verdict on a column that can't be compared; None where it can."""
    if type(current) is not type(reference.profile) or current is None:
        return _without_value(name, 0, rule.smallest, Status.UNDEFINED, "the column is absent or changed its kind")
    needed = max(rule.min_rows, 1)
    if current.rows < needed:
        why = f"{current.rows} rows, {needed} needed"
        return _without_value(name, current.rows, rule.smallest, Status.INSUFFICIENT, why)
    if not reference.counts.sum():
        return _without_value(name, current.rows, rule.smallest, Status.UNDEFINED, "the baseline has no rows of it")
    return None


def _look(
    name: str, reference: ReferenceColumn, current: ColumnProfile, p_value: float, rule: DriftRule
) -> ColumnVerdict:
    """Distance and p-value of one column; `breach` is provisional until the correction over all columns."""
    value = rule.method(all_counts(reference.profile), all_counts(current))
    why = describe_change(reference.profile, current)
    return ColumnVerdict(
        name, value, current.rows, _limit(reference, rule), p_value, value >= rule.smallest, Status.OK, why
    )


def _limit(reference: ReferenceColumn, rule: DriftRule) -> float:
    """The distance that is shown as the limit: the smallest that counts, or what is usual between the blocks."""
    if rule.method is not jensenshannon:
        return rule.smallest
    return min(max(rule.smallest, usual_distance(reference)), rule.method.largest)


def _correct(verdicts: Sequence[ColumnVerdict], rate: float) -> list[ColumnVerdict]:
    adjusted = false_discovery({v.name: v.p_value for v in verdicts if v.p_value is not None})
    return [_with_correction(v, adjusted[v.name], rate) if v.p_value is not None else v for v in verdicts]


def _with_correction(verdict: ColumnVerdict, p_value: float, rate: float) -> ColumnVerdict:
    breach = verdict.breach and p_value <= rate
    why = verdict.why if breach or not verdict.breach else f"{verdict.why}; no more than the baseline itself varies"
    # What blocks make usual is about distances of any cause; one cause may be sure where the distance is smaller.
    limit = min(verdict.limit, verdict.value) if breach and verdict.value is not None else verdict.limit
    return msgspec.structs.replace(verdict, limit=limit, p_value=p_value, breach=breach, why=why)


def _without_value(name: str, n: int, limit: float, status: Status, why: str) -> ColumnVerdict:
    return ColumnVerdict(name, None, n, limit, None, False, status, why)
