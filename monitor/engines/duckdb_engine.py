"""The engine that needs no cluster: DuckDB over the lake's Parquet files, in place."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from monitor.baselines import Bins, NumericBins, category_bins, empty_window, numeric_bins
from monitor.engines import sql
from monitor.engines.column_sql import read_columns, read_type_errors
from monitor.engines.engine import ProfileRequest, RowSource, Sample
from monitor.engines.group_sql import read_groups
from monitor.engines.labelled_sql import read_labelled
from monitor.engines.quality_sql import read_quality
from monitor.engines.scored_sql import no_labelled_rows, read_labelled_rows, read_scored
from monitor.engines.segment_sql import read_segments
from monitor.engines.service_sql import read_service, read_versions
from monitor.engines.slo_sql import read_events
from monitor.engines.sql import one_row
from monitor.profiles import WindowProfile
from monitor.schemas import Feature, FeatureKind, Task
from monitor.segments import ALL, Slicing
from monitor.slo import Events, Objective
from monitor.windows import EPOCH, Window, window_of

_FEW_CLASSES = 20
_TICK = timedelta(microseconds=1)
_CLASSES = """SELECT DISTINCT c FROM (SELECT prediction AS c FROM w UNION ALL
  SELECT label FROM labels WHERE prediction_id IN (SELECT prediction_id FROM w)) WHERE c IS NOT NULL LIMIT 1000"""
_TASK_EVIDENCE = """SELECT count(prediction), count(prediction_value),
  count(*) FILTER (WHERE prediction_value = floor(prediction_value)), count(score) + count(scores)
  FROM w WHERE prediction IS NOT NULL"""


class DuckDbEngine:
    """Profiles by DuckDB. One instance may be used from many threads; each call has a connection of its own."""

    name = "duckdb"

    def __init__(self) -> None:
        # Nothing is fetched from the network: an extension that is not built in stays out.
        config: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
        self._root = duckdb.connect(":memory:", config=config)
        self._root.execute("SET TimeZone = 'UTC'")
        self._root.execute("SET parquet_metadata_cache = true")  # a window's files are read by several queries
        spill = os.path.join(tempfile.gettempdir(), f"kedge-duckdb-{os.getpid()}")  # made only where memory runs out
        self._root.execute(f"SET temp_directory = {sql.literal(spill)}")
        # Otherwise whole row groups of every column of a query are in memory before the first is decoded.
        self._root.execute("SET disable_parquet_prefetching = true")
        self._lock = threading.Lock()

    def profile(self, request: ProfileRequest) -> WindowProfile:
        return self.profiles(request)[ALL]

    def profiles(self, request: ProfileRequest, slicings: Sequence[Slicing] = ()) -> dict[str, WindowProfile]:
        if request.predictions.empty:
            return {ALL: empty_window(request.columns, request.prediction)}
        with self._rows(request.predictions, request.labels) as (connection, present):
            sql.create_window(connection, request.start, request.end, len(present))
            whole = _read_window(connection, request, present)
            read = partial(_read_window, connection, request, present)
            return {ALL: whole, **read_segments(connection, request, present, whole, slicings, read)}

    def sample(
        self,
        predictions: RowSource,
        labels: RowSource,
        start: datetime,
        end: datetime,
        features: Mapping[str, Feature],
        task: Task | None = None,
    ) -> Sample:
        if predictions.empty:
            return Sample(0, None, None, {}, None, None, None)
        with self._rows(predictions, labels) as (connection, present):
            sql.create_window(connection, start, end, len(present))
            rows, first, last = one_row(connection.execute("SELECT count(*), min(event_time), max(event_time) FROM w"))
            columns = {
                name: self._bins(connection, feature) for name, feature in features.items() if feature.column in present
            }
            found, positive = self._task(connection, task)
            prediction = self._prediction_bins(connection, found)
            return Sample(rows, _utc(first), _utc(last), columns, prediction, found, positive)

    def windows(self, predictions: RowSource, size: timedelta) -> set[Window]:
        if predictions.empty:
            return set()
        origin = window_of(EPOCH, size).start
        with self._rows(predictions, RowSource()) as (connection, _):
            numbers = connection.execute(sql.WINDOWS, [(origin - EPOCH) // _TICK, size // _TICK]).fetchall()
        return {Window(origin + number * size, size) for (number,) in numbers}

    def rows(
        self, predictions: RowSource, start: datetime, end: datetime, features: Mapping[str, Feature], most: int
    ) -> pa.Table:
        if predictions.empty:
            names = [*features, *(name for name in sql.ANSWERS if name not in features)]
            return pa.schema([(name, pa.string()) for name in names]).empty_table()
        with self._rows(predictions, RowSource()) as (connection, present):
            sql.create_window(connection, start, end, len(present))
            table: pa.Table = connection.sql(sql.rows_query(features, present, most)).to_arrow_table()
            return table

    def labelled_rows(
        self,
        predictions: RowSource,
        labels: RowSource,
        start: datetime,
        end: datetime,
        features: Mapping[str, Feature],
        most: int,
    ) -> pa.Table:
        if predictions.empty or labels.empty:
            return no_labelled_rows()
        with self._rows(predictions, labels) as (connection, present):
            sql.create_window(connection, start, end, len(present))
            return read_labelled_rows(connection, features, present, most)

    def load(
        self, predictions: RowSource, labels: RowSource, start: datetime, end: datetime, most_values: int
    ) -> tuple[RowSource, RowSource] | None:
        if predictions.empty:
            return RowSource(), RowSource()
        with self._rows(predictions, labels) as (connection, present):
            if sql.create_window(connection, start, end, len(present)) * len(present) > most_values:
                return None
            rows = connection.sql("SELECT * FROM w ORDER BY event_time").to_arrow_table()
            theirs = "SELECT * FROM labels WHERE prediction_id IN (SELECT prediction_id FROM w)"
            return RowSource(table=rows), RowSource(table=connection.sql(theirs).to_arrow_table())

    def nth_event_time(self, predictions: RowSource, n: int, since: datetime | None = None) -> datetime | None:
        if predictions.empty:
            return None
        with self._rows(predictions, RowSource()) as (connection, _):
            row = connection.execute(
                "SELECT event_time FROM predictions WHERE event_time >= ? ORDER BY event_time LIMIT 1 OFFSET ?",
                [since or EPOCH, n - 1],
            ).fetchone()
            return _utc(row[0]) if row else None

    def events(
        self, files: Sequence[str], since: datetime, objectives: Sequence[Objective]
    ) -> dict[str, dict[datetime, tuple[Events, ...]]]:
        with self._lock:
            connection = self._root.cursor()
        with connection:
            return read_events(connection, files, since, objectives)

    def _bins(self, connection: duckdb.DuckDBPyConnection, feature: Feature) -> Bins:
        if feature.kind is FeatureKind.NUMERIC:
            return numeric_bins(_numbers(connection, sql.quote(feature.column)))
        return category_bins(_counts(connection, f"{sql.quote(feature.column)}::VARCHAR"))

    def _prediction_bins(self, connection: duckdb.DuckDBPyConnection, task: Task | None) -> Bins | None:
        if task is Task.REGRESSION:
            return numeric_bins(_numbers(connection, "prediction_value"))
        if task is Task.RANKING:
            return numeric_bins(_numbers(connection, "coalesce(score, prediction_value)"))
        scores = _numbers(connection, "score")
        if scores.size:
            return numeric_bins(scores)
        counts = _counts(connection, "prediction")
        return category_bins(counts) if counts else None

    def _task(self, connection: duckdb.DuckDBPyConnection, known: Task | None) -> tuple[Task | None, str | None]:
        """What the model predicts, if that is not known: numbers that are not few whole classes are a regression."""
        predicted, numeric, whole, scored = one_row(connection.execute(_TASK_EVIDENCE))
        if not predicted:
            return known, None
        classes = sorted(row[0] for row in connection.execute(_CLASSES).fetchall())
        if known is not None:
            return known, positive_class(classes) if known is Task.BINARY else None
        if numeric == predicted and (whole < predicted or (not scored and len(classes) > _FEW_CLASSES)):
            return Task.REGRESSION, None
        if len(classes) > 2:
            return Task.MULTICLASS, None
        return Task.BINARY, positive_class(classes)

    @contextmanager
    def _rows(
        self, predictions: RowSource, labels: RowSource
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, frozenset[str]]]:
        """A connection on which `predictions` and `labels` can be queried, and the columns predictions has."""
        with self._lock:
            connection = self._root.cursor()
        try:
            _attach(connection, "predictions", predictions)
            if labels.empty:
                connection.execute(sql.NO_LABELS)
            else:
                _attach(connection, "labels", labels)
            present = frozenset(row[0] for row in connection.execute("DESCRIBE predictions").fetchall())
            yield connection, present
        finally:
            connection.close()


def _read_window(
    connection: duckdb.DuckDBPyConnection, request: ProfileRequest, present: frozenset[str]
) -> WindowProfile:
    """The profile of the rows that `w` holds now."""
    service = read_service(connection, present)
    if not service.rows:
        return empty_window(request.columns, request.prediction)
    labelled = read_labelled(connection, request, present)
    columns, prediction = read_columns(connection, request, present, service.rows, labelled.predicted)
    return WindowProfile(
        service,
        columns,
        prediction,
        read_type_errors(connection),
        labelled,
        read_versions(connection),
        groups=read_groups(connection, request, present),
        quality=read_quality(connection, request, present, service.rows, columns),
        scored=read_scored(connection, request),
    )


def positive_class(classes: list[str]) -> str:
    """The class whose score is meant by "the score", for one or two classes: the usual names, else the last.

    >>> positive_class(["0", "1"]), positive_class(["no", "yes"]), positive_class(["late", "on time"])
    ('1', 'yes', 'on time')
    """
    usual = {"1", "true", "yes", "y", "positive", "pos"}
    if classes == ["0"]:
        return "1"
    return next((name for name in classes if name.lower() in usual), classes[-1])


def _attach(connection: duckdb.DuckDBPyConnection, name: str, source: RowSource) -> None:
    if source.table is not None:
        connection.register(f"{name}_table", source.table)
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {name}_table")
        return
    files = ", ".join(sql.literal(file) for file in source.files)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM read_parquet([{files}], union_by_name=true, "
        "hive_partitioning=false)"
    )


def _numbers(connection: duckdb.DuckDBPyConnection, expression: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    column = connection.execute(f"SELECT {expression} AS x FROM w WHERE {expression} IS NOT NULL").fetchnumpy()["x"]
    return np.asarray(np.ma.filled(column, np.nan), dtype=np.float64)


def _counts(connection: duckdb.DuckDBPyConnection, expression: str) -> dict[str, int]:
    return dict(
        connection.execute(
            f"SELECT {expression} AS x, count(*) FROM w WHERE {expression} IS NOT NULL GROUP BY 1 "
            "ORDER BY 2 DESC, 1 LIMIT 1000"
        ).fetchall()
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


__all__ = ["DuckDbEngine", "NumericBins", "positive_class"]
