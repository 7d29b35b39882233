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
from monitor.schemas import Feature, Task
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
    counted but not compared.
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

    def nth_event_time(self, predictions: RowSource, n: int) -> datetime | None:
        """The n-th smallest event time (from 1), None when there are fewer rows."""
        ...


def get_engine(name: str = "duckdb") -> Engine:
    """A new engine of this name. Raises ConfigError naming the engines there are."""
    engine: Engine = ENGINES.load(name)()
    return engine
