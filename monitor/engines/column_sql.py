"""Columns on their frozen bins, by SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from monitor.baselines import Bins, NumericBins
from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, literal, one_row, quote
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.schemas import FeatureKind, Task

# Time and memory of one query grow with the square of its histograms: 400 at once take 3 GB, by tens a sixth of that.
COLUMNS_AT_A_TIME = 10

_TYPE_ERRORS = """SELECT feature, count(*) FROM
  (SELECT unnest(map_keys(type_errors)) AS feature FROM w WHERE type_errors IS NOT NULL) GROUP BY 1"""


def read_type_errors(connection: Connection) -> dict[str, int]:
    """Rows per feature whose value was of another kind than the schema's."""
    return dict(connection.execute(_TYPE_ERRORS).fetchall())


def read_columns(
    connection: Connection, request: ProfileRequest, present: frozenset[str], rows: int, predicted: int
) -> tuple[dict[str, ColumnProfile], ColumnProfile | None]:
    """The profile of every feature that has bins, and of the prediction; `predicted` of the `rows` calls gave one."""
    answer = [value for query in _queries(request, present) for value in one_row(connection.execute(query))]
    columns: dict[str, ColumnProfile] = {}
    prediction: ColumnProfile | None = None
    at = 0
    for name, bins, _ in _profiled(request, present):
        width = 7 if isinstance(bins, NumericBins) else 3
        profile = _read_column(bins, answer[at : at + width])
        at += width
        if name is None:
            prediction = _without_failures(profile, rows, predicted)
        else:
            columns[name] = profile
    for name, bins in request.columns.items():
        if name not in columns:  # a feature that no file of this window has is missing in every row
            columns[name] = _all_missing(bins, rows)
    return columns, prediction


def _queries(request: ProfileRequest, present: frozenset[str]) -> Iterator[str]:
    """Each column's counts on its bins, in as few passes over the window as is quick."""
    columns = [_column_parts(bins, expression) for _, bins, expression in _profiled(request, present)]
    for first in range(0, len(columns), COLUMNS_AT_A_TIME):
        parts = [part for column in columns[first : first + COLUMNS_AT_A_TIME] for part in column]
        yield f"SELECT {', '.join(parts)} FROM w"


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
    return "prediction_value" if task is Task.REGRESSION else "score"


def _column_parts(bins: Bins, expression: str) -> list[str]:
    if isinstance(bins, NumericBins):
        finite = f"CASE WHEN isfinite({expression}) THEN {expression} END"
        edges = ", ".join(f"{edge!r}::DOUBLE" for edge in bins.edges)
        counts = f"histogram({finite}, [{edges}])" if bins.edges else f"MAP {{'inf': count({finite})}}"
        moments = [f"min({finite})", f"max({finite})", f"avg({finite})", f"var_pop({finite})"]
        missing = f"count(*) FILTER (WHERE {expression} IS NULL OR isnan({expression}))"
        return [counts, missing, f"count(*) FILTER (WHERE isinf({expression}))", *moments]
    categories = ", ".join(literal(category) for category in bins.categories)
    known = f"histogram_exact({expression}, [{categories}]::VARCHAR[])" if categories else "MAP {}"
    return [known, f"count(*) FILTER (WHERE {expression} IS NULL)", f"count({expression})"]


def _read_column(bins: Bins, answer: Sequence[Any]) -> ColumnProfile:
    if isinstance(bins, NumericBins):
        counts, missing, infinite, low, high, mean, variance = answer
        counted = list((counts or {}).values()) if bins.edges else [int((counts or {}).get("inf", 0))]
        counted += [0] * (len(bins.edges) + 1 - len(counted))  # DuckDB leaves the last bin out while it is empty
        n = sum(counted)
        m2 = float(variance) * n if n else 0.0
        return NumericProfile(bins.edges, tuple(counted), missing, infinite, low, high, float(mean or 0.0), m2)
    known, missing, present = answer
    counted = [int((known or {}).get(category, 0)) for category in bins.categories]
    return CategoricalProfile(bins.categories, tuple(counted), present - sum(counted), missing)


def _without_failures(profile: ColumnProfile, rows: int, predicted: int) -> ColumnProfile:
    missing = max(0, profile.missing - (rows - predicted))
    if isinstance(profile, NumericProfile):
        return NumericProfile(
            profile.edges,
            profile.counts,
            missing,
            profile.infinite,
            profile.low,
            profile.high,
            profile.mean,
            profile.m2,
        )
    return CategoricalProfile(profile.categories, profile.counts, profile.unseen, missing)


def _all_missing(bins: Bins, rows: int) -> ColumnProfile:
    if isinstance(bins, NumericBins):
        return NumericProfile(bins.edges, (0,) * (len(bins.edges) + 1), missing=rows)
    return CategoricalProfile(bins.categories, (0,) * len(bins.categories), missing=rows)
