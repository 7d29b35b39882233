"""How the endpoint served, by SQL: calls, failures, latencies, sizes, resources, versions."""

from __future__ import annotations

from collections.abc import Collection

from monitor.engines.sql import Connection, one_row
from monitor.profiles import LatencySketch, ServiceProfile
from monitor.profiles.service import LOG_GAMMA, SMALLEST_MS
from monitor.profiles.usage import Usage

MOST_RESOURCES = 32

CLIENT_ERROR = "status_code >= 400 AND status_code < 500"
SERVER_ERROR = "(status_code >= 500 OR (error IS NOT NULL AND coalesce(status_code, 0) < 400))"
# Request Timeout, nginx's "client closed request", Gateway Timeout; gRPC's code comes as 504, or in the text.
TIMEOUT = (
    "(status_code IN (408, 499, 504) OR regexp_matches(error, 'deadline.?exceeded|timed[ -]?out|time[ -]?out', 'i'))"
)
WEIGHT = "(1 / coalesce(sampling_fraction, 1))"

_VERSIONS = "SELECT version, count(*) FROM w GROUP BY 1"
_SKETCH = f"""SELECT ceil(ln(greatest({{0}}, {SMALLEST_MS})) / {LOG_GAMMA!r})::INTEGER, count(*), {{1}}
  FROM w WHERE {{0}} IS NOT NULL GROUP BY 1"""
_KINDS = {"client_errors": CLIENT_ERROR, "server_errors": SERVER_ERROR, "timeouts": TIMEOUT}
_SIZES = ("request_bytes", "response_bytes")
_CALLS = f"""SELECT count(*), coalesce(sum({WEIGHT}), 0), coalesce(sum({WEIGHT} * {WEIGHT}), 0),
  {", ".join(f"count(*) FILTER ({kind})" for kind in _KINDS.values())}, max(latency_ms)"""
_UNLOGGED = (
    f"""SELECT {", ".join(f"coalesce(sum({WEIGHT} - 1) FILTER ({kind}), 0)" for kind in _KINDS.values())} FROM w"""
)
_RESOURCES = f"""SELECT name, count(*), sum(used), max(used)
  FROM (SELECT unnest(map_keys(resources)) AS name, unnest(map_values(resources)) AS used FROM w
        WHERE resources IS NOT NULL)
  WHERE isfinite(used) GROUP BY 1 ORDER BY count(*) DESC, name LIMIT {MOST_RESOURCES}"""


def read_service(connection: Connection, present: Collection[str]) -> ServiceProfile:
    """Calls of the window `w`; their number, failures and quantiles re-weighted by the sampling fraction.

    `present` are the window's columns: files from before one was added don't have it.
    """
    largest = [f"max({column})" if column in present else "NULL" for column in _SIZES]
    used = "count(resources)" if "resources" in present else "0"
    found = one_row(connection.execute(f"{', '.join([_CALLS, *largest, used])} FROM w"))
    rows, weight, squares, client_errors, server_errors, timeouts, slowest, *most, with_resources = found
    sampled = weight > rows
    requests, responses = (_sketch(connection, *each, sampled) for each in zip(_SIZES, most, strict=True))
    return ServiceProfile(
        rows,
        float(weight),
        client_errors,
        server_errors,
        _sketch(connection, "latency_ms", slowest, sampled),
        timeouts=timeouts,
        unlogged=dict(zip(_KINDS, one_row(connection.execute(_UNLOGGED)), strict=True)) if sampled else {},
        squares=float(squares),
        request_bytes=requests,
        response_bytes=responses,
        resources=_usage(connection) if with_resources else {},
    )


def read_versions(connection: Connection) -> dict[str, int]:
    """How many rows of the window each version served."""
    return dict(connection.execute(_VERSIONS).fetchall())


def _sketch(connection: Connection, column: str, largest: float | None, sampled: bool) -> LatencySketch:
    if largest is None:
        return LatencySketch()
    found = connection.execute(_SKETCH.format(column, f"sum({WEIGHT} - 1)" if sampled else "0")).fetchall()
    buckets = {index: count for index, count, _ in found}
    return LatencySketch(buckets, float(largest), {index: more for index, _, more in found if more})


def _usage(connection: Connection) -> dict[str, Usage]:
    return {name: Usage(n, total, high) for name, n, total, high in connection.execute(_RESOURCES).fetchall()}
