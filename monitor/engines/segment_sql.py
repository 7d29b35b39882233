"""A window's segments, by SQL: its rows are read once, each segment's profile is read from those."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, literal, one_row, quote
from monitor.profiles import WindowProfile
from monitor.schemas import FeatureKind
from monitor.segments import MISSING, OTHER, Slicing, bin_names, choose_values, is_wanted, segment_key

# Rows of more than this are read from their files again for each segment: memory is worth more than time.
MOST_ROWS_KEPT = 2_000_000
_VALUE = "kedge_segment_value"


def read_segments(
    connection: Connection,
    request: ProfileRequest,
    present: frozenset[str],
    whole: WindowProfile,
    slicings: Sequence[Slicing],
    read: Callable[[], WindowProfile],
) -> dict[str, WindowProfile]:
    """The profile of each segment of the window `w` that has rows, by segment key; `read` profiles what `w` then is."""
    slicings = [slicing for slicing in slicings if is_wanted(slicing, whole)]
    if not slicings or not whole.service.rows:
        return {}
    _keep_window(connection)
    segments: dict[str, WindowProfile] = {}
    for slicing in slicings:
        expression = _value_expression(slicing, request, present)
        counts = dict(connection.execute(f"SELECT {expression}, count(*) FROM window_rows GROUP BY 1").fetchall())
        values = [value for value in choose_values(counts, slicing) if value in counts]
        listed = ", ".join(literal(value) for value in values)
        for value in values:
            _narrow(connection, f"{expression} = {literal(value)}")
            segments[segment_key(slicing.dimension, value)] = read()
        if len(values) < len(counts):
            _narrow(connection, f"{expression} NOT IN ({listed})" if listed else "true")
            segments[segment_key(slicing.dimension, OTHER)] = read()
    return segments


def _keep_window(connection: Connection) -> None:
    """Set the window's rows and their labels aside, so that `w` and `labels` can become those of a segment."""
    (rows,) = one_row(connection.execute("SELECT count(*) FROM w"))
    kind = "TABLE" if rows <= MOST_ROWS_KEPT else "VIEW"
    for name, kept in (("w", "window_rows"), ("labels", "window_labels")):
        old = "TABLE" if _is_table(connection, name) else "VIEW"
        connection.execute(f"ALTER {old} {name} RENAME TO {kept}_source")
        only = "" if name == "w" else " WHERE prediction_id IN (SELECT prediction_id FROM window_rows)"
        kept_as = kind if name == "w" or kind == "TABLE" else "VIEW"
        connection.execute(f"CREATE TEMP {kept_as} {kept} AS SELECT * FROM {kept}_source{only}")
    connection.execute("CREATE TEMP VIEW labels AS SELECT * FROM window_labels")


def _is_table(connection: Connection, name: str) -> bool:
    found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [name])
    return bool(one_row(found)[0])


def _narrow(connection: Connection, condition: str) -> None:
    """Let `w` be the window's rows of one segment."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW w AS SELECT * FROM window_rows WHERE {condition}")


def _value_expression(slicing: Slicing, request: ProfileRequest, present: frozenset[str]) -> str:
    """The segment value of a row, as text that is never null."""
    dimension = slicing.dimension
    if dimension.kind == "version":
        return f"coalesce(version, {literal(MISSING)})"
    if dimension.kind == "tag":
        tag = f"tags[{literal(dimension.name)}]" if "tags" in present else "NULL"
        return f"coalesce({tag}, {literal(MISSING)})"
    feature = request.features.get(dimension.name)
    if feature is None or feature.column not in present:
        return literal(MISSING)
    column = quote(feature.column)
    if feature.kind is not FeatureKind.NUMERIC:
        return f"coalesce({column}::VARCHAR, {literal(MISSING)})"
    names = bin_names(slicing.edges)
    bins = " ".join(
        f"WHEN {column} <= {edge!r} THEN {literal(name)}" for edge, name in zip(slicing.edges, names, strict=False)
    )
    return (
        f"(CASE WHEN {column} IS NULL OR isnan({column}) THEN {literal(MISSING)} {bins} ELSE {literal(names[-1])} END)"
    )
