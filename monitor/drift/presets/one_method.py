"""One drift method for every column, at a threshold of your own: what many tools call a drift test.

It knows nothing of how large the window is or of how the baseline moves, so it raises more false alarms than
`calibrated`: it is for those who must judge by a given number, such as a PSI of 0.2 that a rule book asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitor.drift.methods import DriftMethod, Gives, Measured
from monitor.drift.presets.tables import Table, Tick, as_frame, judge_each, no_tick
from monitor.drift.presets.verdict import Finding, PresetVerdict, not_judged
from monitor.drift.samples import Sample
from monitor.points import Status

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class OneMethod:
    """Drift where `method` on the rows of a column passes `threshold` (None: the method's own)."""

    method: DriftMethod
    threshold: float | None = None
    columns: Sequence[str] | None = None
    time_column: str = "event_time"

    def judge(self, reference: Table, current: Table, tick: Tick = no_tick) -> list[PresetVerdict]:
        """A verdict for every column; one that the method is not for, or that has no values, is a finding."""
        sides = [as_frame(side).drop(columns=self.time_column, errors="ignore") for side in (reference, current)]
        return judge_each(sides[0], sides[1], self.columns, self._judge, tick)

    def _judge(self, name: str, reference: pd.Series[Any], current: pd.Series[Any]) -> PresetVerdict:
        before, after = Sample.of(reference), Sample.of(current)
        if before.kind and not after.kind:
            return not_judged(name, "the current column has no values", Finding.EMPTIED, self.method.name)
        if before.kind and after.kind and before.kind is not after.kind:
            return not_judged(name, f"{before.kind} became {after.kind}", Finding.TYPE_CHANGED, self.method.name)
        found = self.method.on_samples(before, after)
        if found.reason or math.isnan(found.value):
            return not_judged(name, found.reason, method=self.method.name)
        return self._told(name, found)

    def _told(self, name: str, found: Measured) -> PresetVerdict:
        limit = self.method.threshold if self.threshold is None else self.threshold
        drifted = self.method.drifted(found.value, limit)
        tests = self.method.gives is Gives.P_VALUE
        beyond = ("below" if tests else "above") if drifted else "within"
        return PresetVerdict(
            name,
            self.method.name,
            found.value,
            limit,
            found.value if tests else None,
            drifted,
            Status.OK,
            f"{self.method.gives} {found.value:.4g}, {beyond} {limit:g}",
            Finding.DRIFT if drifted else Finding.NONE,
        )
