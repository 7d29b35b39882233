"""`nannyml_default`: the verdicts of NannyML 0.13.1's univariate drift, by its defaults.

Jensen-Shannon distance, base 2, on Doane's bins of the reference (its own values for texts) with one more bin for all
else; a column alerts above mean + 3 standard deviations (ddof 0) of its reference chunks' own distances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitor.drift.presets.tables import Table, Tick, as_frame, judge_each, no_tick
from monitor.drift.presets.verdict import Finding, PresetVerdict, not_judged
from monitor.points import Status

if TYPE_CHECKING:
    import pandas as pd

METHOD = "jensen_shannon"
CHUNKS = 10
DEVIATIONS = 3
_CONTINUOUS = (
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
)
_CATEGORICAL = ("object", "string", "category", "bool")

Distance = Callable[["pd.Series[Any]"], float]


@dataclass(frozen=True, slots=True)
class NannymlDefault:
    """The current rows are one chunk; the reference is cut, in its order, into chunks of `chunk_rows` (a tenth else).

    What is left over is a chunk of its own, as in NannyML. Its order is that of `time_column` where there is one.
    """

    columns: Sequence[str] | None = None
    chunk_rows: int | None = None
    time_column: str = "event_time"

    def judge(self, reference: Table, current: Table, tick: Tick = no_tick) -> list[PresetVerdict]:
        """A verdict for every column; what NannyML raises an error for is a finding."""
        sides = [self._ordered(as_frame(reference)), as_frame(current)]
        before, after = (side.drop(columns=self.time_column, errors="ignore") for side in sides)
        return judge_each(before, after, self.columns, self._judge, tick)

    def _ordered(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self.time_column not in frame:
            return frame
        try:
            return frame.sort_values(self.time_column, kind="stable")
        except (TypeError, ValueError):  # lists and the like have no order
            return frame

    def _judge(self, name: str, reference: pd.Series[Any], current: pd.Series[Any]) -> PresetVerdict:
        size = self.chunk_rows or len(reference) // CHUNKS
        kind = str(reference.dtype.name)
        if kind not in (*_CONTINUOUS, *_CATEGORICAL):
            return not_judged(name, f"NannyML does not judge columns of type {kind}")
        if size < 1 or reference.isna().all():
            return not_judged(name, f"the reference has too few values for {CHUNKS} chunks", method=METHOD)
        if current.isna().all():
            return not_judged(name, "the current column has no values", Finding.EMPTIED, METHOD)
        if kind in _CONTINUOUS and current.dtype.name not in _CONTINUOUS:
            return not_judged(name, f"{kind} became {current.dtype}", Finding.TYPE_CHANGED, METHOD)
        try:
            distance = _on_bins(reference) if kind in _CONTINUOUS else _on_values(reference)
            value = distance(current)
            chunks = [distance(reference.iloc[start : start + size]) for start in range(0, len(reference), size)]
        except (TypeError, ValueError) as error:
            return not_judged(name, f"{METHOD} can't be computed: {error}", method=METHOD)
        limit = float(np.nanmean(chunks) + DEVIATIONS * np.nanstd(chunks))
        drifted = value > limit
        why = f"distance {value:.4g}, {'above' if drifted else 'within'} what {len(chunks)} reference chunks allow"
        finding = Finding.DRIFT if drifted else Finding.NONE
        return PresetVerdict(name, METHOD, value, limit, None, drifted, Status.OK, why, finding)


def _on_bins(reference: pd.Series[Any]) -> Distance:
    """Distance of numbers on the reference's bins."""
    numbers = reference.dropna()
    edges = np.histogram_bin_edges(numbers.astype("float64"), bins="doane")
    before = np.histogram(numbers, bins=edges)[0] / len(numbers)

    def distance(column: pd.Series[Any]) -> float:
        present = column.dropna()
        return _with_rest(before, np.histogram(present, bins=edges)[0], len(present))

    return distance


def _on_values(reference: pd.Series[Any]) -> Distance:
    """Distance of categories on the reference's values."""
    tally = reference.dropna().value_counts().to_dict()  # a type error here means values like lists
    before = np.array(list(tally.values())) / sum(tally.values())

    def distance(column: pd.Series[Any]) -> float:
        present = column.dropna()
        counts = present.value_counts().to_dict()
        return _with_rest(before, np.array([counts.get(value, 0) for value in tally]), len(present))

    return distance


def _with_rest(before: NDArray[np.float64], counts: NDArray[Any], rows: int) -> float:
    """Jensen-Shannon distance, base 2; rows in no bin are one bin more. nan without rows."""
    if not rows:
        return math.nan
    p = np.append(before, 0.0)
    q = np.append(counts, rows - counts.sum()) / rows
    middle = (p + q) / 2
    divergence = float((special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum()) / 2
    return math.sqrt(max(divergence / math.log(2), 0.0))
