"""`evidently_default`: the verdicts of Evidently 0.7.23's DataDriftPreset, by its own choice of tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.drift.presets.evidently_kinds import CAT, NUM, TEXT, recognise
from monitor.drift.presets.evidently_tests import TESTS, TEXT_TESTS, default_test, run_test
from monitor.drift.presets.tables import Table, Tick, as_frame, judge_each, no_tick
from monitor.drift.presets.verdict import Finding, PresetVerdict, not_judged
from monitor.errors import InvalidValue
from monitor.points import Status

if TYPE_CHECKING:
    import pandas as pd

Clean = Callable[["pd.Series[Any]"], "pd.Series[Any]"]


@dataclass(frozen=True, slots=True)
class DatasetDrift:
    """How many of the judged columns drifted, their share, and whether that is drift of the data set."""

    drifted_columns: int
    columns: int
    share: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class EvidentlyDefault:
    """Evidently's preset with its options: `methods` and `thresholds` are looked up by column, then kind, then `all`.

    `kinds` declares columns as `num`, `cat` or `text`; Evidently's own way to recognise the others is by the current
    rows' types. `drift_share` is the share of drifted columns from which the data set counts as drifted.
    """

    columns: Sequence[str] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None
    kind_methods: Mapping[str, str] = field(default_factory=dict)
    column_methods: Mapping[str, str] = field(default_factory=dict)
    threshold: float | None = None
    kind_thresholds: Mapping[str, float] = field(default_factory=dict)
    column_thresholds: Mapping[str, float] = field(default_factory=dict)
    drift_share: float = 0.5
    time_column: str = "event_time"

    def judge(self, reference: Table, current: Table, tick: Tick = no_tick) -> list[PresetVerdict]:
        """A verdict for every column; what Evidently raises an error for is a finding."""
        sides = [as_frame(table).drop(columns=self.time_column, errors="ignore") for table in (reference, current)]
        return judge_each(sides[0], sides[1], self.columns, self._judge, tick)

    def judge_dataset(self, reference: Table, current: Table) -> DatasetDrift:
        """Evidently's verdict on the whole: whether at least `drift_share` of the judged columns drifted.

        Its count leaves infinite values in a column that has no missing ones, though its verdict on the column does
        not; so the two can disagree, there and here.
        """
        before, after = as_frame(reference), as_frame(current)
        verdicts = []
        for verdict in self.judge(before, after):
            if verdict.status is not Status.OK:
                continue
            sides = before[verdict.name], after[verdict.name]
            again = any(_has_infinite(side) and not side.isna().any() for side in sides)
            verdicts.append(self._judge(verdict.name, *sides, _cleaned_if_missing) if again else verdict)
        drifted = sum(verdict.drifted for verdict in verdicts)
        share = drifted / len(verdicts) if verdicts else 0.0
        return DatasetDrift(drifted, len(verdicts), share, bool(verdicts) and share >= self.drift_share)

    def _judge(
        self, name: str, reference: pd.Series[Any], current: pd.Series[Any], clean: Clean | None = None
    ) -> PresetVerdict:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            kind = self.kinds.get(name) or recognise(current)
            if kind not in (NUM, CAT, TEXT):
                return not_judged(name, f"Evidently does not judge {kind}", _emptied(reference, current))
            try:
                return self._of_kind(name, reference, current, kind, clean or _cleaned)
            except (TypeError, ValueError):  # values such as lists, which are neither compared nor counted
                return not_judged(name, f"{reference.dtype} became {current.dtype}", Finding.TYPE_CHANGED)

    def _of_kind(
        self, name: str, reference: pd.Series[Any], current: pd.Series[Any], kind: str, clean: Clean
    ) -> PresetVerdict:
        before, after = clean(reference), clean(current)
        for side, column in (("reference", before), ("current", after)):
            if column.empty:
                return not_judged(name, f"the {side} column has no values", _emptied(before, after))
        if kind == NUM and not (_is_numeric(before) and _is_numeric(after)):
            return not_judged(name, f"{before.dtype} became {after.dtype}", Finding.TYPE_CHANGED)
        if kind == NUM and "bool" in (before.dtype.name, after.dtype.name):
            return not_judged(name, "Evidently takes no booleans for numbers")
        return self._run(name, before, after, kind)

    def _run(self, name: str, reference: pd.Series[Any], current: pd.Series[Any], kind: str) -> PresetVerdict:
        chosen = self.column_methods.get(name) or self.kind_methods.get(kind) or self.method
        method = chosen or default_test(reference, current, kind)
        threshold = self._threshold(name, kind, method)
        if chosen and kind not in _kinds(chosen):
            return not_judged(name, f"{method} compares {', '.join(_kinds(chosen))} columns, not {kind}", method=method)
        try:
            score, drifted = run_test(method, reference, current, kind, threshold)
        except Exception as error:  # whatever stops Evidently stops this column only
            return not_judged(name, f"{method} can't be computed: {error}", method=method)
        if math.isnan(score):
            return not_judged(name, f"{method} has no value for these rows", method=method)
        is_p_value = method in TESTS and TESTS[method].below
        return PresetVerdict(
            name,
            method,
            score,
            threshold,
            score if is_p_value else None,
            drifted,
            Status.OK,
            _words(method, score, threshold, is_p_value, drifted),
            Finding.DRIFT if drifted else Finding.NONE,
        )

    def _threshold(self, name: str, kind: str, method: str) -> float:
        for given in (self.column_thresholds.get(name), self.kind_thresholds.get(kind), self.threshold):
            if given is not None:
                return given
        return TEXT_TESTS[method] if method in TEXT_TESTS else TESTS[method].threshold

    def __post_init__(self) -> None:
        for method in filter(None, [self.method, *self.kind_methods.values(), *self.column_methods.values()]):
            if method not in TESTS and method not in TEXT_TESTS:
                accepted = ", ".join(sorted([*TESTS, *TEXT_TESTS]))
                raise InvalidValue(f"Evidently's test {method!r} is not known here; accepted: {accepted}")


def _cleaned(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.replace([-np.inf, np.inf], np.nan).dropna()


def _cleaned_if_missing(column: pd.Series[Any]) -> pd.Series[Any]:
    return _cleaned(column) if column.isna().any() else column


def _has_infinite(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "f" and bool(np.isinf(column).any())


def _is_numeric(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column))


def _emptied(reference: pd.Series[Any], current: pd.Series[Any]) -> Finding:
    return Finding.EMPTIED if reference.count() and not current.count() else Finding.NOT_JUDGED


def _kinds(method: str) -> tuple[str, ...]:
    return (TEXT,) if method in TEXT_TESTS else TESTS[method].kinds


def _words(method: str, score: float, threshold: float, is_p_value: bool, drifted: bool) -> str:
    if method == "perc_text_content_drift":
        return (
            f"a classifier tells the sides apart with AUC {score:.3g}, {'more' if drifted else 'not more'} than chance"
        )
    what = "p-value" if is_p_value else "distance" if method in TESTS else "AUC of telling the sides apart"
    beyond = "beyond" if drifted else "within"
    return f"{method}: {what} {score:.4g}, {beyond} the limit {threshold:g}"
