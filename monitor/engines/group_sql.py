"""Groups of a protected attribute, by SQL."""

from __future__ import annotations

from monitor.engines.answers_sql import Window
from monitor.engines.engine import ProfileRequest
from monitor.engines.sql import Connection, literal, one_row, quote
from monitor.profiles import GroupProfile
from monitor.profiles.groups import MOST_GROUPS, OTHER_GROUP
from monitor.schemas import Task


def read_groups(connection: Connection, request: ProfileRequest, present: frozenset[str]) -> dict[str, GroupProfile]:
    """The groups of the protected attribute by "attribute=value": the 20 largest, the rest as `other`.

    Rows without the attribute are in none. Reads the answers' table where there is one: call it after read_labelled.
    """
    if not _is_asked(request):
        return {}
    group = _expression(present, request, "w")
    if group is None:
        return {}
    positive = literal(request.positive_class or "")
    rows = connection.execute(
        f"""SELECT CASE WHEN place <= {MOST_GROUPS} THEN g ELSE {literal(OTHER_GROUP)} END, sum(n), sum(positives)
        FROM (SELECT {group} AS g, count(*) AS n, count(*) FILTER (WHERE prediction = {positive}) AS positives,
                row_number() OVER (ORDER BY n DESC, g) AS place
              FROM w WHERE prediction IS NOT NULL AND g IS NOT NULL GROUP BY g)
        GROUP BY 1 ORDER BY min(place)"""
    ).fetchall()
    found = {_name(request, value): GroupProfile(int(predicted), int(selected)) for value, predicted, selected in rows}
    for value, *counts in _labelled(connection):
        name = _name(request, value)
        found[name] = found.get(name, GroupProfile()).merge(GroupProfile(0, 0, *counts))
    return found


def group_column(connection: Connection, window: Window, request: ProfileRequest) -> dict[str, str]:
    """The answers' column `grouped`, where a protected attribute is asked for."""
    group = _expression(window.columns, request, "p") if _is_asked(request) else None
    of_rows = _expression(window.columns, request, "w") if group else None
    if group is None or of_rows is None:
        return {}
    rows = connection.execute(
        f"""SELECT {of_rows} AS g FROM w WHERE prediction IS NOT NULL AND g IS NOT NULL GROUP BY 1
        ORDER BY count(*) DESC, 1 LIMIT {MOST_GROUPS}"""
    ).fetchall()
    largest = sorted({value for (value,) in rows} | {OTHER_GROUP})
    listed = ", ".join(literal(value) for value in largest)
    kept = f"CASE WHEN {group} IN ({listed}) THEN {group} WHEN {group} IS NOT NULL THEN {literal(OTHER_GROUP)} END"
    return {"grouped": f"CAST({kept} AS ENUM({listed}))"}


def _labelled(connection: Connection) -> list[tuple[str, int, int, int, int]]:
    """Of each group: positives, those selected, negatives, those selected; of the labelled rows."""
    (known,) = one_row(
        connection.execute(
            "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'answers' AND column_name = 'grouped'"
        )
    )
    if not known:
        return []
    return connection.execute(
        """SELECT grouped::VARCHAR, count(*) FILTER (WHERE positive), count(*) FILTER (WHERE positive AND selected),
        count(*) FILTER (WHERE NOT positive), count(*) FILTER (WHERE NOT positive AND selected)
        FROM answers WHERE grouped IS NOT NULL GROUP BY 1 ORDER BY 1"""
    ).fetchall()


def _is_asked(request: ProfileRequest) -> bool:
    """Being selected needs a class that is the good one (or the bad one): fairness is for two classes."""
    return request.protected is not None and request.task is Task.BINARY and request.positive_class is not None


def _expression(columns: frozenset[str], request: ProfileRequest, row: str) -> str | None:
    """The value of the protected attribute as text: a feature's of this name, else a tag's."""
    assert request.protected is not None
    feature = request.features.get(request.protected)
    if feature is not None:
        return f"{row}.{quote(feature.column)}::VARCHAR" if feature.column in columns else None
    return f"{row}.tags[{literal(request.protected)}]" if "tags" in columns else None


def _name(request: ProfileRequest, value: str) -> str:
    return f"{request.protected}={value}"
