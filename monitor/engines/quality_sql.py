"""What is wrong with the window's rows, by SQL: ranges, new features, repeats, delays, outliers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, one_row, quote
from monitor.profiles import ColumnProfile, NumericProfile
from monitor.profiles.quality import OutlierModel, QualityLimits, QualityProfile
from monitor.profiles.sketch import LOG_GAMMA, SMALLEST, LatencySketch
from monitor.quality.outliers import squared_distances
from monitor.schemas import Feature, FeatureKind

Columns = Mapping[str, ColumnProfile]

SAMPLE_ROWS = 10_000
_SAMPLE_VALUES = 300_000
# Counting distinct rows keeps one hash of each in memory.
MOST_COMPARED = 200_000
_HASHES = 2**64
_LATE_MS = "greatest(epoch_us(received_time) - epoch_us(event_time), 0) / 1e3"
_DELAY = f"ceil(ln(greatest({_LATE_MS}, {SMALLEST})) / {LOG_GAMMA!r})::INTEGER"


def read_quality(
    connection: Connection, request: ProfileRequest, present: frozenset[str], rows: int, columns: Columns
) -> QualityProfile:
    """The quality of the `rows` rows of the window `w`, whose columns have these profiles, in one pass over them.

    An empty profile where the request has no limits to count against.
    """
    limits = request.limits
    if not rows or limits is None:
        return QualityProfile()
    features = {name: feature for name, feature in request.features.items() if feature.column in present}
    tested = _tested(limits.outliers, features)
    outside, appeared = dict(_outside(limits, features, columns)), dict(_appeared(request, features))
    answer = iter(one_row(connection.execute(_query(rows, features, tested, [*outside.values(), *appeared.values()]))))
    compared, alike, identified, repeated, newest, delays, latest, sample = (next(answer) for _ in range(8))
    n, beyond = _outliers(limits.outliers, list(tested), sample)
    return QualityProfile(
        rows,
        {name: count for name in outside if (count := next(answer))},
        {name: count for name in appeared if (count := next(answer))},
        compared,
        alike,
        identified,
        repeated,
        n,
        beyond,
        LatencySketch(dict(delays or {}), latest or 0.0),
        newest,
    )


def _query(rows: int, features: Mapping[str, Feature], tested: Mapping[str, str], conditions: list[str]) -> str:
    """Everything in one SELECT: a large window's files are read by every query anew."""
    numbers = ", ".join(f"{quote(column)}::DOUBLE" for column in tested.values())
    wanted = min(SAMPLE_ROWS, _SAMPLE_VALUES // max(len(tested), 1))
    chosen = f"i < {_share_of_hashes(wanted, rows)}::UBIGINT" if rows > wanted else "true"
    parts = [
        *_repeats("h", rows),
        *_repeats("i", rows),
        "max(epoch_us(event_time)) / 1e6",
        f"histogram({_DELAY})",
        f"max({_LATE_MS})",
        f"list([{numbers}]) FILTER (WHERE {chosen})" if tested else "NULL",
        *(f"count(*) FILTER (WHERE {condition})" for condition in conditions),
    ]
    rows_with_hashes = f"SELECT *, {_features_hash(features)} AS h, hash(prediction_id) AS i FROM w"
    return f"SELECT {', '.join(parts)} FROM ({rows_with_hashes})"


def _repeats(hashed: str, rows: int) -> tuple[str, str]:
    """How many rows are compared, and how many of them repeat another; all of a row's copies are compared or none."""
    if rows > MOST_COMPARED:
        hashed = f"CASE WHEN {hashed} < {_share_of_hashes(MOST_COMPARED, rows)}::UBIGINT THEN {hashed} END"
    return f"count({hashed})", f"count({hashed}) - count(DISTINCT {hashed})"


def _share_of_hashes(wanted: int, rows: int) -> int:
    """The bound below which so many of the rows' hashes lie, about."""
    return _HASHES * wanted // rows


def _features_hash(features: Mapping[str, Feature]) -> str:
    """One number per row that equal rows share; NULL for a row without any feature, which equals no other."""
    if not features:
        return "NULL::UBIGINT"
    columns = ", ".join(quote(feature.column) for feature in features.values())
    return f"nullif(hash({columns}), hash({', '.join(['NULL'] * len(features))}))"


def _outside(limits: QualityLimits, features: Mapping[str, Feature], columns: Columns) -> Iterator[tuple[str, str]]:
    """What to count of each column whose extremes lie beyond its limits: most windows have none."""
    for name, (low, high) in limits.ranges.items():
        feature = features.get(name)
        if feature is not None and feature.kind is FeatureKind.NUMERIC and _reaches(columns.get(name), low, high):
            column = quote(feature.column)
            yield name, f"isfinite({column}) AND ({column} < '{low!r}'::DOUBLE OR {column} > '{high!r}'::DOUBLE)"


def _reaches(column: ColumnProfile | None, low: float, high: float) -> bool:
    if not isinstance(column, NumericProfile):
        return True
    return column.low is not None and column.high is not None and (column.low < low or column.high > high)


def _appeared(request: ProfileRequest, features: Mapping[str, Feature]) -> Iterator[tuple[str, str]]:
    """Features of the schema that the baseline has no bins for; without any bins there is no baseline yet."""
    if request.columns:
        for name, feature in features.items():
            if name not in request.columns:
                yield name, f"{quote(feature.column)} IS NOT NULL"


def _tested(model: OutlierModel | None, features: Mapping[str, Feature]) -> dict[str, str]:
    return {name: features[name].column for name in (model.columns if model else ()) if name in features}


def _outliers(model: OutlierModel | None, names: list[str], sample: list[list[Any]] | None) -> tuple[int, int]:
    """Rows that were tested, and those beyond the model's limit."""
    if model is None or not sample:
        return 0, 0
    matrix = np.array(sample, dtype=np.float64)  # None becomes NaN
    rows: dict[str, NDArray[np.float64]] = {name: matrix[:, i] for i, name in enumerate(names)}
    return len(matrix), int((squared_distances(model, rows) > model.limit).sum())
