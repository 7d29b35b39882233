"""`calibrated`: Kedge's own decision (`monitor/drift/judge.py`) on two tables of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monitor.baselines import BaselineProfile, Bins, category_bins, numeric_bins
from monitor.drift.judge import ColumnVerdict, DriftRule, judge_columns
from monitor.drift.presets.tables import Table, Tick, as_frame, judge_each, no_tick
from monitor.drift.presets.verdict import Finding, PresetVerdict, not_judged
from monitor.drift.samples import Sample, as_array, profile_of, tally
from monitor.drift.words import describe_change
from monitor.points import Status
from monitor.profiles import ColumnProfile, WindowProfile
from monitor.schemas import FeatureKind

if TYPE_CHECKING:
    import pandas as pd

PARTS = 10
LEAST_PARTS, MOST_PARTS = 5, 1000
_UNREAD = "not every row of the reference has a time that can be read, so that only chance is allowed for"
_IDENTIFIER_SHARE, _IDENTIFIER_ROWS = 0.5, 200

Refusal = tuple[Finding, str]
Rows = NDArray[np.intp]
Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Effect, chance and many looks by `rule`. With `time_column` the reference's own variation over time counts too.

    Its blocks are as long as the current rows span, where the reference has room for five, else ten equal parts.
    """

    columns: Sequence[str] | None = None
    rule: DriftRule = field(default_factory=DriftRule)
    time_column: str = "event_time"

    def judge(self, reference: Table, current: Table, tick: Tick = no_tick) -> list[PresetVerdict]:
        """A verdict for every column; what can't be compared is a finding.

        So is a `time_column` whose times can't all be read: without them a season looks like drift.
        """
        before, after = as_frame(reference), as_frame(current)
        times = [_times(frame, self.time_column) for frame in (before, after)]
        groups = _blocks(*times)
        unread = self.time_column in before and times[0] is None
        before, after = (frame.drop(columns=self.time_column, errors="ignore") for frame in (before, after))
        columns: dict[str, _Column] = {}

        def prepare(name: str, ours: pd.Series[Any], theirs: pd.Series[Any]) -> PresetVerdict:
            made = _Column.of(ours, theirs, groups)
            if not isinstance(made, _Column):
                return not_judged(name, made[1], made[0])
            if len(before) < self.rule.min_rows:
                why = f"the reference has {len(before)} rows, {self.rule.min_rows} needed"
                return PresetVerdict(name, status=Status.INSUFFICIENT, why=why, finding=Finding.NOT_JUDGED)
            columns[name] = made
            return PresetVerdict(name)

        verdicts = judge_each(before, after, self.columns, prepare, tick)
        judged = {verdict.name: verdict for verdict in self._judge(columns, len(groups))}
        found = [judged.get(verdict.name, verdict) for verdict in verdicts]
        return [*found, not_judged(self.time_column, _UNREAD)] if unread else found

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
    """One column's bins and profiles, and whether its numbers are times."""

    bins: Bins
    whole: ColumnProfile
    current: ColumnProfile
    blocks: tuple[ColumnProfile, ...]
    is_time: bool

    @classmethod
    def of(cls, reference: pd.Series[Any], current: pd.Series[Any], groups: Sequence[Rows]) -> _Column | Refusal:
        """The column's profiles, or what is wrong with it and why it can't have any."""
        values = as_array(reference)
        before, after = Sample.of(values), Sample.of(current)
        kinds = {_noun(sample) for sample in (before, after) if sample.kind}
        if len(kinds) > 1:
            return Finding.TYPE_CHANGED, f"{_noun(before)} became {_noun(after)}"
        if before.is_time and before.kind and after.kind and _goes_on(before.values, after.values):
            return Finding.NOT_JUDGED, "times that begin after the reference's are a clock, not drift"
        numeric = FeatureKind.NUMERIC in (before.kind, after.kind) or not kinds
        counts = {} if numeric else tally(before)
        if len(counts) > max(_IDENTIFIER_ROWS, _IDENTIFIER_SHARE * before.values.size):
            return Finding.NOT_JUDGED, "most values occur once: an identifier or free text has no shares to compare"
        bins: Bins = numeric_bins(before.values.astype(float)) if numeric else category_bins(counts)
        whole, now = profile_of(before, bins, counts), profile_of(after, bins)
        blocks = tuple(profile_of(Sample.of(values[rows]), bins) for rows in groups)
        return cls(bins, whole, now, blocks, "time" in kinds)


def _goes_on(before: Times, after: Times) -> bool:
    last = before.max()
    return bool(after.min() >= last and after.max() > last)


def _noun(sample: Sample) -> str:
    return "time" if sample.is_time else str(sample.kind)


def _blocks(reference: Times | None, current: Times | None) -> list[Rows]:
    """Which rows of the reference are in each of its blocks of time; none without times."""
    if reference is None or not reference.size:
        return []
    span = float(np.ptp(reference))
    if not span > 0:
        return []
    own = float(np.ptp(current)) if current is not None and current.size else 0.0
    parts = int(span // own) if own > 0 else 0
    parts = parts if LEAST_PARTS <= parts <= MOST_PARTS else PARTS
    places = np.minimum(((reference - reference.min()) / span * parts).astype(np.int64), parts - 1)
    ends = np.cumsum(np.bincount(places, minlength=parts))
    return [rows for rows in np.split(np.argsort(places, kind="stable"), ends[:-1]) if rows.size]


def _times(frame: pd.DataFrame, name: str) -> Times | None:
    """The column as seconds (numbers as they are), or None where there is none or where a row has no time."""
    if name not in frame:
        return None
    import pandas as pd

    column = frame[name]
    if column.dtype.kind in "iuf":
        numbers = column.to_numpy(dtype=np.float64)
        return numbers if np.isfinite(numbers).all() else None
    times = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    return None if times.isna().any() else Sample.of(times).values


def _told(verdict: ColumnVerdict, column: _Column, method: str) -> PresetVerdict:
    calm = not verdict.breach and verdict.value is not None and verdict.value < verdict.limit
    emptied = bool(column.whole.n) and not column.current.n
    why = verdict.why
    if column.is_time:
        sides = column.whole, column.current
        why = why.replace(describe_change(*sides), describe_change(*sides, show=_moment))
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
        "less than what counts" if calm else why,
        Finding.EMPTIED if emptied else finding,
    )


def _moment(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s")).replace("T", " ")
