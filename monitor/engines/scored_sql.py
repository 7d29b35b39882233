"""Predictions beside their scores, labelled or not, and labelled rows to fit an estimator on, by SQL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, one_row, quote
from monitor.profiles.scored import (
    CELLS_PER_UNIT,
    LARGEST_LOG_ODDS,
    SAMPLE_ROWS,
    UNITS_PER_SCORE,
    ScoreCells,
    ScoredProfile,
    ScoreSample,
    sample_rows,
)
from monitor.schemas import Feature, Task

_INNER = CELLS_PER_UNIT * LARGEST_LOG_ODDS
# As monitor.profiles.scored.score_cells has it.
_CELL = f"""CASE WHEN s <= 0 THEN CASE WHEN s = 0 THEN {-_INNER} ELSE
    {-_INNER - 1} - floor(ln(1 - s) * {CELLS_PER_UNIT}) END
  WHEN s >= 1 THEN CASE WHEN s = 1 THEN {_INNER} ELSE {_INNER + 1} + floor(ln(s) * {CELLS_PER_UNIT}) END
  ELSE floor(greatest(least(ln(s / (1 - s)), {LARGEST_LOG_ODDS}), -{LARGEST_LOG_ODDS}) * {CELLS_PER_UNIT}) END"""
_CELLS = f"""SELECT hit, ({_CELL})::BIGINT AS cell, count(*),
  sum(floor(greatest(least(s, 1), 0) * {UNITS_PER_SCORE} + 0.5)::BIGINT)
  FROM (SELECT prediction = $1 AS hit, coalesce(score, scores[$1]) AS s FROM w WHERE prediction IS NOT NULL)
  WHERE isfinite(s) GROUP BY 1, 2"""
_PREDICTED = "SELECT count(*), count(*) FILTER (WHERE cardinality(scores) > 0) FROM w WHERE prediction IS NOT NULL"
_SAMPLE = f"""SELECT hash(prediction_id) AS h, prediction, map_keys(scores), map_values(scores) FROM w
  WHERE prediction IS NOT NULL AND cardinality(scores) > 0 ORDER BY h, prediction_id LIMIT {SAMPLE_ROWS}"""
LABELLED = ("prediction", "prediction_value", "score", "scores", "label", "label_value")


def read_scored(connection: Connection, request: ProfileRequest) -> ScoredProfile:
    """The scores of the window `w`: on the grid for two classes, a sample of rows for more; nothing for numbers."""
    if not request.scored:
        return ScoredProfile()
    if request.task is Task.BINARY and request.positive_class is not None:
        return _read_cells(connection, request.positive_class)
    if request.task is Task.MULTICLASS:
        return _read_sample(connection)
    return ScoredProfile()


def _read_cells(connection: Connection, positive: str) -> ScoredProfile:
    found: dict[bool, dict[int, tuple[int, int]]] = {True: {}, False: {}}
    for hit, cell, rows, total in connection.execute(_CELLS, [positive]).fetchall():
        found[hit][cell] = (rows, int(total))
    (predicted,) = one_row(connection.execute("SELECT count(prediction) FROM w"))
    profile = ScoredProfile(ScoreCells(found[True]), ScoreCells(found[False]))
    return ScoredProfile(profile.positive, profile.negative, predicted - profile.rows)


def _read_sample(connection: Connection) -> ScoredProfile:
    predicted, scored = one_row(connection.execute(_PREDICTED))
    rows = connection.execute(_SAMPLE).fetchall()
    classes = sorted({name for row in rows for name in row[2]})
    rows = rows[: sample_rows(len(classes))]
    by_row = [dict(zip(names, values, strict=True)) for _, _, names, values in rows]
    scores = {name: tuple(_number(row.get(name)) for row in by_row) for name in classes}
    sample = ScoreSample(tuple(row[0] for row in rows), tuple(row[1] for row in rows), scores, scored)
    return ScoredProfile(unscored=predicted - scored, sample=sample)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def no_labelled_rows() -> pa.Table:
    """What `read_labelled_rows` gives without any. (No constant: the first table that pyarrow makes imports pandas.)"""
    return pa.schema([(name, pa.string()) for name in LABELLED]).empty_table()


def read_labelled_rows(
    connection: Connection, features: Mapping[str, Feature], present: frozenset[str], most: int
) -> pa.Table:
    """At most so many labelled rows of `w`, chosen by the hash of their ids: `LABELLED`'s columns as they are, and
    features by the names of their columns in the lake."""
    chosen = [quote(feature.column) for feature in features.values() if feature.column in present]
    columns = ", ".join([*(f"w.{name}" for name in LABELLED[:4]), "l.label", "l.label_value", *chosen])
    answer: pa.Table = connection.sql(f"""SELECT {columns} FROM w JOIN
      (SELECT prediction_id, arg_max(label, (label_time, received_time)) AS label,
              arg_max(label_value, (label_time, received_time)) AS label_value
       FROM labels WHERE prediction_id IN (SELECT prediction_id FROM w) GROUP BY 1) AS l USING (prediction_id)
      WHERE w.prediction IS NOT NULL AND l.label IS NOT NULL
      ORDER BY hash(prediction_id), prediction_id LIMIT {int(most)}""").to_arrow_table()
    return answer
