"""Good and bad calls per data file and minute, by SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from monitor.engines.service_sql import SERVER_ERROR, WEIGHT
from monitor.engines.sql import Connection, literal
from monitor.slo import Events, Objective
from monitor.windows import EPOCH

MINUTE = timedelta(minutes=1)
FILES_AT_ONCE = 1000
FileMinutes = dict[datetime, tuple[Events, ...]]
"""For each minute that has calls, those that each objective counts."""


def read_events(
    connection: Connection, files: Sequence[str], since: datetime, objectives: Sequence[Objective]
) -> dict[str, FileMinutes]:
    """The calls of each file with event times from `since` on; a file without any is left out."""
    found: dict[str, FileMinutes] = {}
    for first in range(0, len(files), FILES_AT_ONCE):
        some = files[first : first + FILES_AT_ONCE]
        for file, minute, *counts in connection.execute(_query(some, since, objectives)).fetchall():
            events = tuple(Events(*counts[at : at + 4]) for at in range(0, len(counts), 4))
            found.setdefault(file, {})[EPOCH + minute * MINUTE] = events
    return found


def _query(files: Sequence[str], since: datetime, objectives: Sequence[Objective]) -> str:
    counts = ", ".join(_counts(objective) for objective in objectives)
    listed = ", ".join(literal(file) for file in files)
    return (
        f"SELECT filename, epoch_us(event_time) // {MINUTE // timedelta(microseconds=1)}, {counts} "
        f"FROM read_parquet([{listed}], union_by_name=true, hive_partitioning=false, filename=true) "
        f"WHERE event_time >= TIMESTAMPTZ '{since.isoformat()}' GROUP BY 1, 2"
    )


def _counts(objective: Objective) -> str:
    limit = objective.latency_ms
    counted = "true" if limit is None else "latency_ms IS NOT NULL"
    bad = SERVER_ERROR if limit is None else f"latency_ms > {float(limit)!r}"
    return ", ".join(
        f"count(*) FILTER ({kind}), coalesce(sum({WEIGHT}) FILTER ({kind}), 0)::DOUBLE" for kind in (counted, bad)
    )
