"""Columns on their frozen bins: SQL reads what a column holds, numbers are counted as they stream by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from monitor.baselines import Bins, CategoryBins, NumericBins
from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, literal, one_row, quote
from monitor.engines.tally import NumericTally
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.schemas import FeatureKind, Task

_Item = TypeVar("_Item")

# How much of a window is in memory at once: numbers are read in batches of rows, and few columns of many rows together
# (a row group is held whole while it is decoded).
BATCH_ROWS = 122_880
VALUES_AT_A_TIME = 4_000_000
LEAST_COLUMNS = 1
# The time of one query grows with the square of its histograms.
HISTOGRAMS_AT_A_TIME = 8
# A column of more distinct values (ids, say) is counted on the baseline's categories alone, whose memory is bounded.
MOST_DISTINCT = 10_000

_TYPE_ERRORS = """SELECT feature, count(*) FROM
  (SELECT unnest(map_keys(type_errors)) AS feature FROM w WHERE type_errors IS NOT NULL) GROUP BY 1"""


def read_type_errors(connection: Connection) -> dict[str, int]:
    """Rows per feature whose value was of another kind than the schema's."""
    return dict(connection.execute(_TYPE_ERRORS).fetchall())


def read_columns(
    connection: Connection, request: ProfileRequest, present: frozenset[str], rows: int, predicted: int
) -> tuple[dict[str, ColumnProfile], ColumnProfile | None]:
    """The profile of every feature that has bins, and of the prediction; `predicted` of the `rows` calls gave one."""
    profiled = list(_profiled(request, present))
    found: dict[str | None, ColumnProfile] = {}
    numeric = [(name, bins, sql) for name, bins, sql in profiled if isinstance(bins, NumericBins)]
    width = max(LEAST_COLUMNS, VALUES_AT_A_TIME // max(rows, 1))
    for some in _groups(numeric, width):
        found.update(_read_numbers(connection, some))
    categorical = [(name, bins, sql) for name, bins, sql in profiled if isinstance(bins, CategoryBins)]
    for few in _groups(categorical, HISTOGRAMS_AT_A_TIME):
        found.update(_read_categories(connection, few, rows))
    prediction = _without_failures(found.pop(None), rows, predicted) if None in found else None
    # A feature that no file of this window has is missing in every row.
    return {name: found.get(name) or _all_missing(bins, rows) for name, bins in request.columns.items()}, prediction


def _groups(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[first : first + size] for first in range(0, len(items), size))


def _profiled(request: ProfileRequest, present: frozenset[str]) -> Iterator[tuple[str | None, Bins, str]]:
    """The (feature or None for the prediction, bins, SQL expression) of every column the request can profile."""
    for name, bins in request.columns.items():
        feature = request.features.get(name)
        if feature is not None and feature.column in present:
            column = quote(feature.column)
            yield name, bins, column if feature.kind is FeatureKind.NUMERIC else f"{column}::VARCHAR"
    if request.prediction is not None:
        yield None, request.prediction, _prediction_expression(request.prediction, request.task)


def _prediction_expression(bins: Bins, task: Task | None) -> str:
    """The prediction as it is compared over time; calls that failed have none and don't count as missing."""
    if not isinstance(bins, NumericBins):
        return "prediction"
    if task is Task.RANKING:
        return "coalesce(score, prediction_value)"
    return "prediction_value" if task is Task.REGRESSION else "score"


def _read_numbers(
    connection: Connection, columns: Sequence[tuple[str | None, NumericBins, str]]
) -> Iterator[tuple[str | None, ColumnProfile]]:
    tallies = [NumericTally(bins.edges) for _, bins, _ in columns]
    parts = [f"coalesce({sql}::DOUBLE, 'nan'::DOUBLE) AS c{i}" for i, (_, _, sql) in enumerate(columns)]
    for batch in connection.sql(f"SELECT {', '.join(parts)} FROM w").to_arrow_reader(BATCH_ROWS):
        for i, tally in enumerate(tallies):
            tally.add(batch.column(i).to_numpy(zero_copy_only=True))
    for (name, _, _), tally in zip(columns, tallies, strict=True):
        yield name, tally.profile()


def _read_categories(
    connection: Connection, columns: Sequence[tuple[str | None, CategoryBins, str]], rows: int
) -> Iterator[tuple[str | None, ColumnProfile]]:
    known = _are_few(connection, [sql for _, _, sql in columns], rows)
    parts = [_category_counts(bins, sql, few) for (_, bins, sql), few in zip(columns, known, strict=True)]
    answer = one_row(connection.execute(f"SELECT {', '.join(parts)} FROM w"))
    for i, ((name, bins, _), few) in enumerate(zip(columns, known, strict=True)):
        counts, present = answer[2 * i] or {}, answer[2 * i + 1]
        present = sum(counts.values()) if few else present
        counted = tuple(int(counts.get(category, 0)) for category in bins.categories)
        yield name, CategoricalProfile(bins.categories, counted, present - sum(counted), rows - present)


def _are_few(connection: Connection, columns: Sequence[str], rows: int) -> list[bool]:
    """Whether each column has so few distinct values that all of them may be counted, which is the faster way."""
    if rows <= MOST_DISTINCT:
        return [True] * len(columns)
    parts = ", ".join(f"approx_count_distinct({column})" for column in columns)
    return [about <= MOST_DISTINCT for about in one_row(connection.execute(f"SELECT {parts} FROM w"))]


def _category_counts(bins: CategoryBins, expression: str, few: bool) -> str:
    """A map of counts by value, and how many values there are (0 where the map has all of them)."""
    if few:
        return f"histogram({expression}), 0"
    categories = ", ".join(literal(category) for category in bins.categories)
    known = f"histogram_exact({expression}, [{categories}]::VARCHAR[])" if categories else "MAP {}"
    return f"{known}, count({expression})"


def _without_failures(profile: ColumnProfile, rows: int, predicted: int) -> ColumnProfile:
    return msgspec.structs.replace(profile, missing=max(0, profile.missing - (rows - predicted)))


def _all_missing(bins: Bins, rows: int) -> ColumnProfile:
    if isinstance(bins, NumericBins):
        return NumericProfile(bins.edges, (0,) * (len(bins.edges) + 1), missing=rows)
    return CategoricalProfile(bins.categories, (0,) * len(bins.categories), missing=rows)
