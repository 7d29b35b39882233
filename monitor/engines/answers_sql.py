"""The window's predictions beside their labels, as a narrow table that the labelled metrics are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.engines.sql import Connection, literal, one_row

# Joined in parts of so many predictions: a join needs memory for its ids, the joined columns need little.
PART_ROWS = 1_000_000
# Above this many rows classes are kept as one byte or two each, not as text.
MANY_ROWS = 1_000_000
_MOST_NAMES = 1000
# The label that counts: the latest; of equally late ones always the same, whatever order they came in.
_LATEST = "(label_time, received_time, label)"


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of the window before its labels are joined: how many predictions it has, its columns' names."""

    predicted: int
    unscored: int
    labels: int
    columns: frozenset[str]


def read_window(connection: Connection, columns: frozenset[str]) -> Window:
    """How many answers the window has, how many of them without a score, and how many labels may be theirs."""
    predicted, scored = one_row(connection.execute("SELECT count(*), count(score) FROM w WHERE prediction IS NOT NULL"))
    (labels,) = one_row(connection.execute("SELECT count(*) FROM labels"))
    return Window(predicted, predicted - scored, labels, columns)


def create_answers(connection: Connection, window: Window, columns: Mapping[str, str], table: str = "answers") -> int:
    """Make `table` of the labelled predictions; returns its rows.

    `columns` gives an expression per column: p is the prediction's row, l its latest label (label, label_value) and the
    time of its first one (labelled_at).
    """
    selected = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    parts = window.predicted // PART_ROWS + 1
    for part in range(parts):
        query = f"SELECT {selected} FROM {joined(window, part, parts)}"
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS {query}" if part == 0 else f"INSERT INTO {table} {query}"
        )
    return int(one_row(connection.execute(f"SELECT count(*) FROM {table}"))[0])


def joined(window: Window, part: int = 0, parts: int = 1) -> str:
    """The labelled predictions p with their labels l, as a FROM clause; those of one part by the hash of their ids."""
    of_part = f"hash(prediction_id) % {parts} = {part}" if parts > 1 else "true"
    # Labels of other windows are left out before they are grouped, unless there can't be many.
    ours = of_part
    if window.labels > 2 * window.predicted:
        ours += f" AND prediction_id IN (SELECT prediction_id FROM w WHERE {of_part})"
    return f"""(SELECT * FROM w WHERE prediction IS NOT NULL AND {of_part}) AS p JOIN
      (SELECT prediction_id, arg_max(label, {_LATEST}) AS label, arg_max_null(label_value, {_LATEST}) AS label_value,
              min(label_time) AS labelled_at
       FROM labels WHERE {ours} GROUP BY 1) AS l ON p.prediction_id = l.prediction_id"""


def class_type(connection: Connection, window: Window) -> str:
    """The type in which classes are kept: text, or where that saves much an enumeration of those there are."""
    if window.predicted <= MANY_ROWS:
        return "VARCHAR"
    names = connection.execute(
        f"""SELECT DISTINCT c FROM (SELECT prediction AS c FROM w UNION ALL SELECT label FROM labels)
        WHERE c IS NOT NULL LIMIT {_MOST_NAMES + 1}"""
    ).fetchall()
    if not 0 < len(names) <= _MOST_NAMES:
        return "VARCHAR"
    return f"ENUM({', '.join(literal(name) for (name,) in sorted(names))})"
