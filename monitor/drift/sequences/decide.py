"""A sequence monitor's look at one window: the metric's stored points up to it, watched for a change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from monitor.drift.sequences.watch import watch
from monitor.points import Status

DEFAULT_METHOD = "cusum"
DEFAULT_RUN_LENGTH = 1000.0


class SequenceVerdict(msgspec.Struct, frozen=True):
    """What watching a metric's points found at the newest of them.

    `value` is the metric's; `statistic` and `limit` are the method's, and the statistic above its limit is a breach.
    `began` is the position among the given values from which the level is another one, `level` their mean from there to
    the first alarm and `before` the baseline's; all None while nothing was found.
    """

    method: str
    value: float | None
    statistic: float | None
    limit: float | None
    breach: bool
    status: Status
    why: str
    began: int | None = None
    level: float | None = None
    before: float | None = None


def judge_sequence(
    values: Sequence[float | None], baseline_values: Sequence[float], threshold: Mapping[str, Any]
) -> SequenceVerdict:
    """Watch `values`, oldest first and the window's own last, against the same metric's values in the baseline.

    Threshold: {"kind": "sequence", "method": "cusum", "expected_run_length": 1000}; the run length is in windows.
    Raises ConfigError for an unknown method and InvalidValue for a run length outside 20 … 20,000.
    """
    method = str(threshold.get("method", DEFAULT_METHOD))
    length = float(threshold.get("expected_run_length", DEFAULT_RUN_LENGTH))
    numbers = [math.nan if value is None else float(value) for value in values]
    newest = numbers[-1] if numbers and math.isfinite(numbers[-1]) else None
    found = watch(numbers, baseline_values, method, length)
    if found.reason or newest is None or found.threshold is None:
        why = found.reason or "this window has no value"
        return SequenceVerdict(method, newest, None, None, False, Status.UNDEFINED, why)
    statistic, limit = float(found.statistic[-1]), found.threshold
    if not found.alarmed or found.began is None:
        why = f"no change of level found ({method} {statistic:.3g}, limit {limit:.3g})"
        return SequenceVerdict(method, newest, statistic, limit, False, Status.OK, why, before=found.before)
    ago = len(numbers) - 1 - found.began
    why = f"the level went from {found.before:.4g} to {found.level:.4g}, {ago} window{'s' * (ago != 1)} ago"
    return SequenceVerdict(
        method, newest, statistic, limit, True, Status.OK, why, found.began, found.level, found.before
    )
