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


def create_window(start: datetime, end: datetime) -> str:
    return (
        "CREATE OR REPLACE TEMP TABLE w AS SELECT * FROM predictions "
        f"WHERE event_time >= TIMESTAMPTZ '{start.isoformat()}' AND event_time < TIMESTAMPTZ '{end.isoformat()}'"
    )


def rows_query(features: Mapping[str, Feature], present: frozenset[str], most: int) -> str:
    """Rows of the window; the ids' hashes choose them, so the same rows are chosen every time."""
    columns = [
        f"{quote(feature.column)} AS {quote(name)}" for name, feature in features.items() if feature.column in present
    ]
    columns += [name for name in ANSWERS if name not in features]
    return f"SELECT {', '.join(columns)} FROM w ORDER BY hash(prediction_id), prediction_id LIMIT {int(most)}"


def one_row(result: Connection) -> tuple[Any, ...]:
    row = result.fetchone()
    assert row is not None, "an aggregate without GROUP BY has one row"
    return row
