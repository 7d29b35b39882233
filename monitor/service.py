"""Service metrics of one window: throughput, errors, latency."""

from __future__ import annotations

from datetime import timedelta

from monitor.points import Point, point, share_point, undefined
from monitor.profiles import ServiceProfile

QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


def with_counters(logged: ServiceProfile, counted: ServiceProfile) -> ServiceProfile:
    """What a window's log says, completed by what the server's own counters say: never the same call twice.

    Without a log the counters are all there is. A log without latencies gets those that were counted; one without a
    failed call (many servers log successes only) gets the calls that were counted as failed.
    """
    if not logged.rows:
        return counted
    timing = logged if logged.latency.n else counted
    failed = 0 if logged.errors else counted.errors
    return ServiceProfile(
        logged.rows + failed,
        logged.weight + failed,
        logged.client_errors or (counted.client_errors if failed else 0),
        logged.server_errors or (counted.server_errors if failed else 0),
        timing.latency,
        timing.latency_total,
        timing.summed,
    )


def service_points(service: ServiceProfile, size: timedelta) -> list[Point]:
    """`predictions` (count, re-weighted by sampling), `throughput` (per second), `error_rate`, and latency in ms:
    quantiles, or where only the sum of all latencies is known, `latency_mean`."""
    points = [
        point("predictions", service.weight, service.rows),
        point("throughput", service.weight / size.total_seconds(), service.rows),
        share_point("error_rate", service.errors, service.rows),
    ]
    timed = service.latency.n
    for metric, q in QUANTILES.items():
        if timed:
            points.append(point(metric, service.latency.quantile(q), timed))
        else:
            points.append(undefined(metric, 0, "no record of this window has a latency"))
    if service.summed and not timed:
        points.append(point("latency_mean", service.latency_total / service.summed, service.summed))
    return points
