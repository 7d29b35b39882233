"""The interface of an engine, and where engines are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from monitor.baselines import Bins
from monitor.plugins import ENGINES
from monitor.profiles import WindowProfile
from monitor.profiles.quality import QualityLimits
from monitor.schemas import Feature, Task
from monitor.segments import Slicing
from monitor.slo import Events, Objective
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class RowSource:
    """Rows in the lake's columns: data files, or a table in memory (a training file that was decoded)."""

    files: Sequence[str] = ()
    table: pa.Table | None = None

    @property
    def empty(self) -> bool:
        return not self.files and (self.table is None or self.table.num_rows == 0)


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """What to profile: predictions with event times in [start, end), joined to the latest label of each.

    `columns` gives the frozen bins per feature; features without bins are not profiled. Without `task`, labels are
    counted but not compared. `limits` is what rows are counted against for their quality; without, that is left out.
    `protected` names the feature or tag whose groups are told apart, `metrics` the custom metrics to work out.
    With `scored` the scores of all predictions are profiled, which estimated performance is computed from.
    """

    predictions: RowSource
    labels: RowSource
    start: datetime
    end: datetime
    features: Mapping[str, Feature] = field(default_factory=dict)
    columns: Mapping[str, Bins] = field(default_factory=dict)
    prediction: Bins | None = None
    task: Task | None = None
    positive_class: str | None = None
    limits: QualityLimits | None = None
    protected: str | None = None
    metrics: tuple[str, ...] = ()
    scored: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What a baseline's bins and a model's task are learnt from."""

    rows: int
    start: datetime | None
    end: datetime | None
    columns: Mapping[str, Bins]
    prediction: Bins | None
    task: Task | None
    positive_class: str | None


class Engine(Protocol):
    """Answers for sets of rows; every engine gives equal counts (tests/contracts/test_engine_contract.py)."""

    name: str

    def profile(self, request: ProfileRequest) -> WindowProfile:
        """The profile of one window."""
        ...

    def profiles(self, request: ProfileRequest, slicings: Sequence[Slicing] = ()) -> dict[str, WindowProfile]:
        """The profile of one window as `all`, and by segment key those of its segments that have rows."""
        ...

    def sample(
        self,
        predictions: RowSource,
        labels: RowSource,
        start: datetime,
        end: datetime,
        features: Mapping[str, Feature],
        task: Task | None = None,
    ) -> Sample:
        """Bins for every feature and for the prediction, and what the model predicts: `task`, or what it seems to."""
        ...

    def windows(self, predictions: RowSource, size: timedelta) -> set[Window]:
        """The windows of this size that hold at least one row."""
        ...

    def rows(
        self, predictions: RowSource, start: datetime, end: datetime, features: Mapping[str, Feature], most: int
    ) -> pa.Table:
        """The features (by their own names), `prediction` and `score` of at most so many rows, always the same ones."""
        ...

    def labelled_rows(
        self,
        predictions: RowSource,
        labels: RowSource,
        start: datetime,
        end: datetime,
        features: Mapping[str, Feature],
        most: int,
    ) -> pa.Table:
        """At most so many predictions that have a label, always the same ones: `prediction`, `prediction_value`,
        `score`, `scores`, `label`, `label_value`, and the features by the names of their columns in the lake."""
        ...

    def load(
        self, predictions: RowSource, labels: RowSource, start: datetime, end: datetime, most_values: int
    ) -> tuple[RowSource, RowSource] | None:
        """The predictions of [start, end) in memory, in the order of their event times, and the labels they have; None
        where they hold more than so many values."""
        ...

    def nth_event_time(self, predictions: RowSource, n: int, since: datetime | None = None) -> datetime | None:
        """The n-th smallest event time (from 1) that is not before `since`, None when there are fewer rows."""
        ...

    def events(
        self, files: Sequence[str], since: datetime, objectives: Sequence[Objective]
    ) -> dict[str, dict[datetime, tuple[Events, ...]]]:
        """The good and bad calls of each file by minute, from `since` on, as each objective tells them apart."""
        ...


def get_engine(name: str = "duckdb") -> Engine:
    """A new engine of this name. Raises ConfigError naming the engines there are."""
    engine: Engine = ENGINES.load(name)()
    return engine
