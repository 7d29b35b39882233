"""SQL that every part of the DuckDB engine shares: the window's rows, names and literals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from monitor.schemas import Feature

Connection = duckdb.DuckDBPyConnection

NO_LABELS = """CREATE OR REPLACE TEMP VIEW labels AS
  SELECT NULL::VARCHAR AS prediction_id, NULL::VARCHAR AS label, NULL::DOUBLE AS label_value,
         NULL::TIMESTAMPTZ AS label_time, NULL::TIMESTAMPTZ AS received_time WHERE false"""
WINDOWS = "SELECT DISTINCT (epoch_us(event_time) - $1) // $2 FROM predictions"

# What a row says of the model's answer.
ANSWERS = ("prediction", "score")


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# Up to so many values, a window is read once and kept in memory: each of its queries is then quick.
MOST_VALUES_KEPT = 4_000_000


def create_window(connection: Connection, start: datetime, end: datetime, columns: int) -> int:
    """Let `w` be the rows of [start, end): kept in memory where they are few, else read anew by each query. Returns how
    many there are.

    Most queries are about few columns, so a large window costs less time that way and no memory.
    """
    inside = f"event_time >= TIMESTAMPTZ '{start.isoformat()}' AND event_time < TIMESTAMPTZ '{end.isoformat()}'"
    (rows,) = one_row(connection.execute(f"SELECT count(*) FROM predictions WHERE {inside}"))
    kind = "TABLE" if rows * columns <= MOST_VALUES_KEPT else "VIEW"
    connection.execute(f"CREATE OR REPLACE TEMP {kind} w AS SELECT * FROM predictions WHERE {inside}")
    return int(rows)


def rows_query(features: Mapping[str, Feature], present: frozenset[str], most: int) -> str:
    """Rows of the window; the ids' hashes choose them, so the same rows are chosen every time."""
    columns = [
        f"{quote(feature.column)} AS {quote(name)}" for name, feature in features.items() if feature.column in present
    ]
    columns += [name for name in ANSWERS if name not in features]
    return f"SELECT {', '.join(columns)} FROM w ORDER BY hash(prediction_id), prediction_id LIMIT {int(most)}"


def one_row(result: Connection) -> tuple[Any, ...]:
    """The row of an aggregate without GROUP BY, which has one. Reads to the end: the connection is free again."""
    (row,) = result.fetchall()
    return tuple(row)
