"""What rows are counted against: learnt once per baseline, and frozen with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.profiles import NumericProfile, WindowProfile
from monitor.profiles.quality import OutlierModel, QualityLimits

TOLERANCE = 0.1
"""How far beyond the baseline's observed range a value may lie, as a share of that range's width."""


def learn_limits(
    whole: WindowProfile,
    blocks: Sequence[WindowProfile] = (),
    outliers: OutlierModel | None = None,
    declared: Mapping[str, tuple[float, float]] | None = None,
) -> QualityLimits:
    """The limits that a baseline's profiles give; a `declared` range of a column is taken as it is.

    An observed range is widened by 10 % of its width on both sides, and on each by the distance between the most
    extreme block and the next one: where one ordinary block stands out that far from the others, another may.
    """
    ranges: dict[str, tuple[float, float]] = {}
    for name, column in whole.columns.items():
        if isinstance(column, NumericProfile) and column.low is not None and column.high is not None:
            parts = [part for block in blocks if isinstance(part := block.columns.get(name), NumericProfile)]
            ranges[name] = _widened(column.low, column.high, parts)
    return QualityLimits({**ranges, **(declared or {})}, outliers)


def _widened(low: float, high: float, parts: Sequence[NumericProfile]) -> tuple[float, float]:
    lows = sorted(part.low for part in parts if part.low is not None)
    highs = sorted((part.high for part in parts if part.high is not None), reverse=True)
    tolerance = TOLERANCE * (high - low)
    below = max(tolerance, lows[1] - lows[0] if len(lows) > 1 else 0.0)
    above = max(tolerance, highs[0] - highs[1] if len(highs) > 1 else 0.0)
    return low - below, high + above
