"""Which columns of a window have drifted: effect, significance, and a false discovery rate over all columns.

A column is flagged only when its distance is worth waking somebody for (`smallest`), its p-value survives the
correction for having looked at every column (Benjamini, Hochberg 1995), and it has enough rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from monitor.baselines import BaselineProfile
from monitor.drift.distances import jensenshannon
from monitor.drift.methods import DriftMethod
from monitor.drift.null import Null, build_null, divergence, mean_rank, p_value, usual_distance
from monitor.drift.words import describe_change
from monitor.points import Status
from monitor.profiles import ColumnProfile, NumericProfile, WindowProfile
from monitor.profiles.columns import bin_counts

SMALLEST = 0.1
RATE = 0.01


class ColumnVerdict(msgspec.Struct, frozen=True):
    """One column of one window: `value` is the distance, `limit` the smallest that counts, `p_value` corrected."""

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
    verdicts = [
        _look(name, reference, window.columns.get(name), _blocks(baseline, name), rule)
        for name, reference in baseline.whole.columns.items()
    ]
    return _correct(verdicts, rule.rate)


def judge_prediction(baseline: BaselineProfile, window: WindowProfile, rule: DriftRule) -> ColumnVerdict | None:
    """The verdict for the model's own output; None while the baseline holds none."""
    if baseline.whole.prediction is None:
        return None
    blocks = [block.prediction for block in baseline.blocks if block.prediction is not None]
    verdict = _look("prediction", baseline.whole.prediction, window.prediction, blocks, rule)
    return _correct([verdict], rule.rate)[0]


def _blocks(baseline: BaselineProfile, name: str) -> list[ColumnProfile]:
    return [block.columns[name] for block in baseline.blocks if name in block.columns]


def _look(
    name: str,
    reference: ColumnProfile,
    current: ColumnProfile | None,
    blocks: Sequence[ColumnProfile],
    rule: DriftRule,
) -> ColumnVerdict:
    """Distance and p-value of one column; `breach` is provisional until the correction over all columns."""
    if type(current) is not type(reference) or current is None:
        return _without_value(name, 0, rule.smallest, Status.UNDEFINED, "the column is absent or changed its kind")
    if current.rows < rule.min_rows:
        why = f"{current.rows} rows, {rule.min_rows} needed"
        return _without_value(name, current.rows, rule.smallest, Status.INSUFFICIENT, why)
    before, after = counts_with_missing(reference), counts_with_missing(current)
    if not before.sum():
        return _without_value(name, current.rows, rule.smallest, Status.UNDEFINED, "the baseline has no rows of it")
    # Blocks that would not be judged as windows tell nothing about windows that are.
    blocks = [block for block in blocks if block.rows >= rule.min_rows]
    medians = [block.quantile(0.5) for block in blocks if isinstance(block, NumericProfile)]
    null = build_null(before, [counts_with_missing(block) for block in blocks], medians, current.rows)
    rank = median = None
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile) and reference.n and current.n:
        rank, median = mean_rank(bin_counts(reference), bin_counts(current)), current.quantile(0.5)
    p = p_value(null, float(divergence(before, after)), rank, median)
    value = rule.method(before, after)
    limit = _limit(null, rule)
    why = describe_change(reference, current)
    return ColumnVerdict(name, value, current.rows, limit, p, value >= rule.smallest, Status.OK, why)


def _limit(null: Null, rule: DriftRule) -> float:
    """The distance that is shown as the limit: the smallest that counts, or what is usual between the blocks."""
    if rule.method is not jensenshannon:
        return rule.smallest
    return min(max(rule.smallest, usual_distance(null)), rule.method.largest)


def counts_with_missing(profile: ColumnProfile) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Counts per bin with missing (and infinite) values as bins of their own: a column that empties has drifted."""
    extra = [profile.missing + (profile.infinite if isinstance(profile, NumericProfile) else 0)]
    return np.concatenate([bin_counts(profile), np.asarray(extra, dtype=np.float64)])


def _correct(verdicts: Sequence[ColumnVerdict], rate: float) -> list[ColumnVerdict]:
    adjusted = false_discovery({v.name: v.p_value for v in verdicts if v.p_value is not None})
    return [_with_correction(v, adjusted[v.name], rate) if v.p_value is not None else v for v in verdicts]


def _with_correction(verdict: ColumnVerdict, p_value: float, rate: float) -> ColumnVerdict:
    breach = verdict.breach and p_value <= rate
    why = verdict.why if breach or not verdict.breach else f"{verdict.why}; no more than the baseline itself varies"
    return msgspec.structs.replace(verdict, p_value=p_value, breach=breach, why=why)


def false_discovery(p_values: Mapping[str, float]) -> dict[str, float]:
    """Benjamini-Hochberg adjusted p-values.

    >>> false_discovery({"a": 0.01, "b": 0.04, "c": 0.5})
    {'a': 0.03, 'b': 0.06, 'c': 0.5}
    """
    ranked = sorted(p_values, key=lambda name: p_values[name], reverse=True)
    adjusted: dict[str, float] = {}
    smallest = 1.0
    for index, name in enumerate(ranked):
        smallest = min(smallest, p_values[name] * len(ranked) / (len(ranked) - index))
        adjusted[name] = smallest
    return {name: adjusted[name] for name in p_values}


def _without_value(name: str, n: int, limit: float, status: Status, why: str) -> ColumnVerdict:
    return ColumnVerdict(name, None, n, limit, None, False, status, why)
