"""A finding explained: what moved, how much it matters, since when, and whether the pipeline or the world did it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitor.baselines import BaselineProfile
from monitor.drift.words import describe_change
from monitor.explanation import words
from monitor.explanation.cause import Cause, likely_cause
from monitor.explanation.moved import moved_bins
from monitor.explanation.ranking import RankedColumn, weights
from monitor.explanation.segments import SegmentFall
from monitor.explanation.spelling import SpellingChange, find_spelling_change, looks_renamed
from monitor.explanation.units import UnitChange, find_unit_change
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile, WindowProfile
from monitor.quality.finding import QualityFinding

MOST_COLUMNS = 10
LEAST_INFINITE = 0.01
"""Share of a column's rows from which on infinite values are worth a word."""


class Fall(msgspec.Struct, frozen=True):
    """A performance metric that got worse: its usual value and the window's."""

    metric: str
    before: float
    after: float


class Explanation(msgspec.Struct, frozen=True):
    """Why a finding is one. `columns` has the ten that matter most, the first one most.

    `sentence` is for people with access to the data, `message` says the same without the name of any category. `of` is
    the number of columns that were looked at, `moved` how many of them moved. `rows` says what is wrong with the rows
    as a whole; `answers` tells whether it is the predictions that drifted.
    """

    sentence: str
    message: str
    cause: Cause
    reason: str
    since: datetime | None
    of: int
    moved: int
    columns: tuple[RankedColumn, ...] = ()
    segments: tuple[SegmentFall, ...] = ()
    fall: Fall | None = None
    rows: str = ""
    answers: bool = False

    def evidence(self) -> dict[str, Any]:
        """The same as JSON-ready data: what an evaluation keeps as `explanation`."""
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return found


def explain(
    baseline: BaselineProfile,
    window: WindowProfile,
    drift: Mapping[str, float],
    importance: Mapping[str, float] | None = None,
    faults: Sequence[QualityFinding] = (),
    since: datetime | None = None,
    fall: Fall | None = None,
    segments: Sequence[SegmentFall] = (),
    reference_rows: pa.Table | None = None,
    window_rows: pa.Table | None = None,
    answers: bool = False,
) -> Explanation:
    """Explain a window's finding.

    `drift` has the distance of every column that is flagged; `importance` is `baselines.importance`. `faults` are the
    quality findings of the same window. `fall` and `segments` are given where a performance metric fell. The rows
    (features by name; `baselines.sample` and `Engine.rows` of the window) are not needed, but tell units and spellings
    more surely than profiles.
    """
    faulty = {finding.column: finding for finding in reversed(faults) if finding.column}
    # A column that broke without moving its bins counts as moved by the share of rows it broke in.
    moved = {**{name: min(1.0, abs(finding.value)) for name, finding in faulty.items()}, **drift}
    known = _Known(baseline, window, importance or {}, faulty, reference_rows, window_rows)
    shares = list(weights(moved, known.importance).items())[:MOST_COLUMNS]
    ranked = tuple(_column(name, moved[name], weight, known) for name, weight in shares)
    of = len(baseline.whole.columns)
    cause, reason = likely_cause(ranked, len(moved), of)
    rows = next((finding.why for finding in faults if not finding.column), "")
    found = Explanation("", "", cause, reason, since, of, len(moved), ranked, tuple(segments), fall, rows, answers)
    return _worded(found)


def dated(evidence: Mapping[str, Any], since: datetime) -> dict[str, Any]:
    """An explanation's evidence with the time since when it is so, in its sentences too.

    A window's explanation depends on the window alone; since when is known to the incident. Raises
    msgspec.ValidationError for evidence of another shape.
    """
    return _worded(msgspec.structs.replace(msgspec.convert(evidence, Explanation), since=since)).evidence()


def _worded(found: Explanation) -> Explanation:
    fallen = words.fall(found.fall.metric, found.fall.before, found.fall.after, found.segments) if found.fall else ""
    facts = (found.moved, found.of, found.cause, found.reason, found.since, fallen, found.rows, found.answers)
    sentence, message = words.sentence(found.columns, *facts), words.sentence(found.columns, *facts, quote=False)
    return msgspec.structs.replace(found, sentence=sentence, message=message)


@dataclass(frozen=True, slots=True)
class _Known:
    """What columns are explained from."""

    baseline: BaselineProfile
    window: WindowProfile
    importance: Mapping[str, float]
    faulty: Mapping[str, QualityFinding]
    reference_rows: pa.Table | None
    window_rows: pa.Table | None


def _column(name: str, drift: float, weight: float, known: _Known) -> RankedColumn:
    before, after = known.baseline.whole.columns.get(name), known.window.columns.get(name)
    worth = known.importance.get(name)
    fault = known.faulty.get(name)
    if before is None or after is None or type(before) is not type(after):
        why = fault.why if fault else "the column is absent or changed its kind"
        return RankedColumn(name, drift, worth, weight, why, fault.kind if fault else "schema", figures=why)
    return RankedColumn(
        name,
        drift,
        worth,
        weight,
        _change(before, after, fault, names=True),
        fault.kind if fault else "",
        tuple(moved_bins(before, after)),
        _unit(name, before, after, known),
        _spelling(name, before, after, known.window_rows),
        _change(before, after, fault, names=False),
    )


def _change(before: ColumnProfile, after: ColumnProfile, fault: QualityFinding | None, names: bool) -> str:
    """What changed in the column, in words; without `names` no category is quoted."""
    if fault is not None and fault.kind not in ("out_of_range", "unseen_category"):
        return fault.why
    text = describe_change(before, after, names)
    if isinstance(after, NumericProfile) and after.infinite > LEAST_INFINITE * after.rows:
        return f"{after.infinite / after.rows:.1%} of the rows are infinite; {text}"
    if fault is not None and not text.startswith("unseen categories"):
        text = f"{text}, {fault.why}"
    if isinstance(before, CategoricalProfile) and isinstance(after, CategoricalProfile):
        return f"{text} (renamed?)" if looks_renamed(before, after) else text
    return text


def _unit(name: str, before: ColumnProfile, after: ColumnProfile, known: _Known) -> UnitChange | None:
    if not isinstance(before, NumericProfile) or not isinstance(after, NumericProfile):
        return None
    reference, current = _values(known.reference_rows, name), _values(known.window_rows, name)
    found = [block.columns.get(name) for block in known.baseline.blocks]
    blocks = [block for block in found if isinstance(block, NumericProfile)]
    return find_unit_change(before if reference is None else reference, after if current is None else current, blocks)


def _values(rows: pa.Table | None, name: str) -> NDArray[np.float64] | None:
    if rows is None or name not in rows.column_names:
        return None
    return np.asarray(rows.column(name).cast(pa.float64()).to_numpy(), dtype=np.float64)


def _spelling(
    name: str, before: ColumnProfile, after: ColumnProfile, window_rows: pa.Table | None
) -> SpellingChange | None:
    if not isinstance(before, CategoricalProfile) or not isinstance(after, CategoricalProfile) or not after.unseen:
        return None
    if window_rows is None or name not in window_rows.column_names:
        return None
    counts = Counter(value for value in window_rows.column(name).cast(pa.string()).to_pylist() if value is not None)
    return find_spelling_change(before.categories, counts)
