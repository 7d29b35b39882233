"""`calibrated`: Kedge's own decision (`monitor/drift/judge.py`) on two tables of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.baselines import BaselineProfile, Bins, NumericBins, category_bins, numeric_bins
from monitor.drift.judge import ColumnVerdict, DriftRule, judge_columns
from monitor.drift.presets.tables import Table, Tick, as_frame, judge_each, no_tick
from monitor.drift.presets.verdict import Finding, PresetVerdict, not_judged
from monitor.drift.samples import Sample, tally
from monitor.points import Status
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile, WindowProfile
from monitor.schemas import FeatureKind

if TYPE_CHECKING:
    import pandas as pd

PARTS = 10
LEAST_PARTS, MOST_PARTS = 5, 1000
_IDENTIFIER_SHARE, _IDENTIFIER_ROWS = 0.5, 200


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Effect, chance and many looks by `rule`. With `time_column` the reference's own variation over time counts too.

    Its blocks are as long as the current rows span, where the reference has room for five, else ten equal parts.
    """

    columns: Sequence[str] | None = None
    rule: DriftRule = field(default_factory=DriftRule)
    time_column: str = "event_time"

    def judge(self, reference: Table, current: Table, tick: Tick = no_tick) -> list[PresetVerdict]:
        """A verdict for every column; what can't be compared is a finding."""
        before, after = as_frame(reference), as_frame(current)
        groups = _blocks(before, after, self.time_column)
        before, after = (frame.drop(columns=self.time_column, errors="ignore") for frame in (before, after))
        columns: dict[str, _Column] = {}

        def prepare(name: str, ours: pd.Series[Any], theirs: pd.Series[Any]) -> PresetVerdict:
            made = _Column.of(ours, theirs, groups)
            if isinstance(made, _Column):
                columns[name] = made
                return PresetVerdict(name)
            return not_judged(name, made[1], made[0])

        verdicts = judge_each(before, after, self.columns, prepare, tick)
        judged = {verdict.name: verdict for verdict in self._judge(columns, len(groups))}
        return [judged.get(verdict.name, verdict) for verdict in verdicts]

    def _judge(self, columns: dict[str, _Column], blocks: int) -> list[PresetVerdict]:
        baseline = BaselineProfile(
            {name: column.bins for name, column in columns.items()},
            None,
            WindowProfile(columns={name: column.whole for name, column in columns.items()}),
            tuple(
                WindowProfile(columns={name: column.blocks[i] for name, column in columns.items()})
                for i in range(blocks)
            ),
        )
        window = WindowProfile(columns={name: column.current for name, column in columns.items()})
        verdicts = judge_columns(baseline, window, self.rule)
        return [_told(verdict, columns[verdict.name], self.rule.method.name) for verdict in verdicts]


@dataclass(frozen=True, slots=True)
class _Column:
    """One column's bins and profiles."""

    bins: Bins
    whole: ColumnProfile
    current: ColumnProfile
    blocks: tuple[ColumnProfile, ...]

    @classmethod
    def of(
        cls, reference: pd.Series[Any], current: pd.Series[Any], groups: Sequence[Any]
    ) -> _Column | tuple[Finding, str]:
        """The column's profiles, or what is wrong with it and why it can't have any."""
        before, after = Sample.of(reference), Sample.of(current)
        kinds = {before.kind, after.kind} - {None}
        if len(kinds) > 1:
            return Finding.TYPE_CHANGED, f"{before.kind} became {after.kind}"
        if _goes_on(reference, current):
            return Finding.NOT_JUDGED, "times that begin after the reference's are a clock, not drift"
        numeric = FeatureKind.NUMERIC in kinds or not kinds
        counts = {} if numeric else tally(before)
        if len(counts) > max(_IDENTIFIER_ROWS, _IDENTIFIER_SHARE * before.values.size):
            return Finding.NOT_JUDGED, "most values occur once: an identifier or free text has no shares to compare"
        bins: Bins = numeric_bins(before.values.astype(float)) if numeric else category_bins(counts)
        whole, now = _profile(before, bins), _profile(after, bins)
        return cls(bins, whole, now, tuple(_profile(Sample.of(reference[rows]), bins) for rows in groups))


def _goes_on(reference: pd.Series[Any], current: pd.Series[Any]) -> bool:
    """Whether the column holds times, and those of the current rows all come after the reference's."""
    if not all(str(side.dtype).startswith("datetime64") and side.notna().any() for side in (reference, current)):
        return False
    return bool(current.min() >= reference.max())


def _profile(sample: Sample, bins: Bins) -> ColumnProfile:
    if isinstance(bins, NumericBins):
        made = NumericProfile.of(sample.values.astype(float), bins.edges)
        return msgspec.structs.replace(made, missing=sample.missing, infinite=sample.infinite)
    counts = tally(sample)
    known = tuple(counts.get(name, 0) for name in bins.categories)
    return CategoricalProfile(bins.categories, known, sum(counts.values()) - sum(known), sample.missing)


def _blocks(reference: pd.DataFrame, current: pd.DataFrame, time_column: str) -> list[Any]:
    """Which rows of the reference are in each of its blocks of time; none without times."""
    import numpy as np

    times = [_times(frame, time_column) for frame in (reference, current)]
    if times[0] is None or not len(times[0]):
        return []
    first, last = np.nanmin(times[0]), np.nanmax(times[0])
    span = last - first
    if not span > 0:
        return []
    own = float(np.ptp(times[1])) if times[1] is not None and len(times[1]) else 0.0
    parts = int(span // own) if own > 0 else 0
    parts = parts if LEAST_PARTS <= parts <= MOST_PARTS else PARTS
    places = np.minimum(((times[0] - first) / span * parts).astype(int), parts - 1)
    return [rows for part in range(parts) if (rows := places == part).any()]


def _times(frame: pd.DataFrame, name: str) -> Any:
    """The column as seconds, or None where there is none or where a row has no time."""
    if name not in frame:
        return None
    import pandas as pd

    times = pd.to_datetime(frame[name], errors="coerce", utc=True, format="ISO8601")
    if times.isna().any():
        return None
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype("int64") / 1e6


def _told(verdict: ColumnVerdict, column: _Column, method: str) -> PresetVerdict:
    calm = not verdict.breach and verdict.value is not None and verdict.value < verdict.limit
    emptied = bool(column.whole.n) and not column.current.n
    finding = (
        Finding.DRIFT if verdict.breach else Finding.NOT_JUDGED if verdict.status is not Status.OK else Finding.NONE
    )
    return PresetVerdict(
        verdict.name,
        method,
        verdict.value,
        verdict.limit,
        verdict.p_value,
        verdict.breach,
        verdict.status,
        "less than what counts" if calm else verdict.why,
        Finding.EMPTIED if emptied else finding,
    )
