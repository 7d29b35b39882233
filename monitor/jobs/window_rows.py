"""The rows of one window and of its baseline, for monitors that compare rows: read when the first of them asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pyarrow as pa

from monitor.baselines import NumericBins
from monitor.db import baseline_store, catalog
from monitor.db.database import Session
from monitor.drift import ColumnVerdict
from monitor.drift.presets import PresetVerdict, preset_of
from monitor.evaluation import WindowFacts
from monitor.jobs.judging import Facts
from monitor.jobs.stores import Stores
from monitor.jobs.window_profiles import Watched
from monitor.points import Status
from monitor.sample import SAMPLE_ROWS, TIME, decode_sample, sample_features, trim_texts
from monitor.schemas import Feature
from monitor.segments import ALL

MOST_ROWS = 100_000


@dataclass
class WindowRows:
    """Reads in one session, which must be open as long as this is used."""

    stores: Stores
    session: Session
    watched: Watched
    _read: pa.Table | None = field(default=None, init=False)
    _asked: int = field(default=0, init=False)

    @cached_property
    def sample(self) -> bytes | None:
        """What the baseline keeps of its rows (monitor.sample); None where it keeps none."""
        ident = self.watched.baseline_id
        return baseline_store.read_sample(self.session, ident) if ident is not None else None

    def window(self, most: int = SAMPLE_ROWS) -> pa.Table:
        """At most so many of the window's rows, always the same ones, with texts cut as in the sample."""
        if self._read is None or self._asked < most:
            window = self.watched.window
            predictions = self.stores.predictions(self.watched.model.name, window.start, window.end)
            wanted = sample_features(self._features)
            found = self.stores.engine.rows(predictions, window.start, window.end, wanted, most)
            self._read, self._asked = trim_texts(found), most
        return self._read.slice(0, most)

    def with_preset(self, threshold: Mapping[str, Any], facts: Facts) -> dict[str, WindowFacts]:
        """The facts of the whole window with the verdicts of a `preset` or `method` threshold on its rows.

        At most 100,000 of them, always the same ones.

        The rows it compares with are the baseline's stored sample; without one every feature is undecided. Segments,
        which have no sample of their own, are left out.
        """
        whole, baseline = facts.get(ALL), self.watched.baseline
        if whole is None or baseline is None:
            return {key: each for key, each in facts.items() if key == ALL}
        if self.sample is None:
            return {ALL: replace(whole, column_verdicts=[_undecided(name) for name in baseline.columns])}
        features, rows = self._features, self.window(MOST_ROWS)
        answer = "score" if isinstance(baseline.prediction, NumericBins) else "prediction"
        verdicts = preset_of(threshold, [*features, answer], TIME).judge(decode_sample(self.sample), rows)
        columns = [_as_verdict(verdict, rows.num_rows) for verdict in verdicts if verdict.name in features]
        answers = [_as_verdict(v, rows.num_rows) for v in verdicts if v.name == answer and answer not in features]
        return {ALL: replace(whole, column_verdicts=columns, prediction_verdict=answers[0] if answers else None)}

    @cached_property
    def _features(self) -> dict[str, Feature]:
        return dict(catalog.read_features(self.session, self.watched.model.id))


def _as_verdict(verdict: PresetVerdict, rows: int) -> ColumnVerdict:
    return ColumnVerdict(
        verdict.name,
        verdict.value,
        rows,
        verdict.threshold or 0.0,
        verdict.p_value,
        verdict.drifted,
        verdict.status,
        verdict.why,
    )


def _undecided(name: str) -> ColumnVerdict:
    why = "the baseline keeps no rows; make a new one to judge by rows"
    return ColumnVerdict(name, None, 0, 0.0, None, False, Status.UNDEFINED, why)
