"""A window's segments, by SQL: its rows are read once, each segment's profile is read from those."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitor.engines import sql
from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, literal, one_row, quote
from monitor.profiles import WindowProfile
from monitor.schemas import FeatureKind
from monitor.segments import MISSING, OTHER, Slicing, bin_names, choose_values, is_wanted, segment_key

# A window of more values is read from its files again for each segment: memory is worth more than time.
MOST_VALUES_KEPT = 40_000_000


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
    values_kept = whole.service.rows * len(present)
    _keep_window(connection, values_kept)
    # As with a window: its many queries take a third less time where there is little to copy.
    kind = "TABLE" if values_kept <= sql.MOST_VALUES_KEPT else "VIEW"
    segments: dict[str, WindowProfile] = {}
    for slicing in slicings:
        expression = _value_expression(slicing, request, present)
        counts = _largest(connection, expression, slicing)
        values = [value for value in choose_values(counts, slicing) if value in counts]
        listed = ", ".join(literal(value) for value in values)
        for value in values:
            _narrow(connection, kind, f"{expression} = {literal(value)}")
            segments[segment_key(slicing.dimension, value)] = read()
        if len(values) < len(counts):
            _narrow(connection, kind, f"{expression} NOT IN ({listed})" if listed else "true")
            segments[segment_key(slicing.dimension, OTHER)] = read()
    return segments


def _largest(connection: Connection, expression: str, slicing: Slicing) -> dict[str, int]:
    """Rows by value: of the values kept, and of the largest others, enough of them to choose from and one more."""
    kept = ", ".join(literal(value) for value in slicing.kept[: slicing.most])
    first = f"value IN ({kept}) DESC, " if kept else ""
    rows = connection.execute(
        f"""SELECT {expression} AS value, count(*) AS size FROM window_rows GROUP BY 1
        ORDER BY {first}size DESC, value LIMIT {slicing.most + 2}"""
    )
    return dict(rows.fetchall())


def _keep_window(connection: Connection, values: int) -> None:
    """Set the window's rows and their labels aside, so that `w` and `labels` can become those of a segment."""
    kind = "TABLE" if values <= MOST_VALUES_KEPT else "VIEW"
    for name, kept in (("w", "window_rows"), ("labels", "window_labels")):
        if _is_table(connection, name):  # in memory as it is
            connection.execute(f"ALTER TABLE {name} RENAME TO {kept}")
            continue
        connection.execute(f"ALTER VIEW {name} RENAME TO {kept}_source")
        only = "" if name == "w" else " WHERE prediction_id IN (SELECT prediction_id FROM window_rows)"
        kept_as = kind if name == "w" or kind == "TABLE" else "VIEW"
        connection.execute(f"CREATE TEMP {kept_as} {kept} AS SELECT * FROM {kept}_source{only}")
    connection.execute("CREATE TEMP VIEW labels AS SELECT * FROM window_labels")


def _is_table(connection: Connection, name: str) -> bool:
    found = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [name])
    return bool(one_row(found)[0])


def _narrow(connection: Connection, kind: str, condition: str) -> None:
    """Let `w` be the window's rows of one segment."""
    connection.execute(f"CREATE OR REPLACE TEMP {kind} w AS SELECT * FROM window_rows WHERE {condition}")


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
