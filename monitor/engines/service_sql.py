"""How the endpoint served, by SQL: calls, failures, latencies, versions."""

from __future__ import annotations

from monitor.engines.sql import Connection, one_row
from monitor.profiles import LatencySketch, ServiceProfile
from monitor.profiles.service import LOG_GAMMA, SMALLEST_MS

_VERSIONS = "SELECT version, count(*) FROM w GROUP BY 1"
_LATENCY = f"""SELECT ceil(ln(greatest(latency_ms, {SMALLEST_MS})) / {LOG_GAMMA!r})::INTEGER, count(*)
  FROM w WHERE latency_ms IS NOT NULL GROUP BY 1"""
_CALLS = """SELECT count(*), coalesce(sum(1 / coalesce(sampling_fraction, 1)), 0),
  count(*) FILTER (WHERE status_code >= 400 AND status_code < 500),
  count(*) FILTER (WHERE status_code >= 500 OR (error IS NOT NULL AND coalesce(status_code, 0) < 400)),
  max(latency_ms) FROM w"""


def read_service(connection: Connection) -> ServiceProfile:
    """Calls of the window `w`; their number re-weighted by the sampling fraction."""
    rows, weight, client_errors, server_errors, slowest = one_row(connection.execute(_CALLS))
    latency = LatencySketch(dict(connection.execute(_LATENCY).fetchall()), slowest or 0.0)
    return ServiceProfile(rows, float(weight), client_errors, server_errors, latency)


def read_versions(connection: Connection) -> dict[str, int]:
    """How many rows of the window each version served."""
    return dict(connection.execute(_VERSIONS).fetchall())
