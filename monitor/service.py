"""Service metrics of one window: throughput, errors, timeouts, latency, sizes of bodies, use of resources."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from monitor.points import Point, point, share_interval, share_point, undefined
from monitor.profiles import LatencySketch, ServiceProfile

LATENCIES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}
SIZES = {"p50": 0.5, "p95": 0.95}
SHARES = {
    "error_rate": ("client_errors", "server_errors"),
    "client_error_rate": ("client_errors",),
    "server_error_rate": ("server_errors",),
    "timeout_rate": ("timeouts",),
}


def with_counters(logged: ServiceProfile, counted: ServiceProfile) -> ServiceProfile:
    """What a window's log says, completed by what the server's own counters say: never the same call twice.

    Without a log the counters are all there is. A log without latencies gets those that were counted; one without a
    failed call (many servers log successes only) gets the calls that were counted as failed; one that says nothing of
    resources, what the server's process used.
    """
    if not logged.rows:
        return counted
    timing = logged if logged.latency.n else counted
    failed = 0 if logged.errors else counted.errors
    return msgspec.structs.replace(
        logged,
        rows=logged.rows + failed,
        weight=logged.weight + failed,
        client_errors=logged.client_errors or (counted.client_errors if failed else 0),
        server_errors=logged.server_errors or (counted.server_errors if failed else 0),
        latency=timing.latency,
        latency_total=timing.latency_total,
        summed=timing.summed,
        squares=logged.squares + failed if logged.squares else 0.0,
        resources=logged.resources or counted.resources,
    )


def service_points(service: ServiceProfile, size: timedelta) -> list[Point]:
    """The window's service metrics, each of the whole traffic: rows count 1/sampling_fraction.

    `predictions` (count), `throughput` (per second), shares of failed calls by kind; latency in ms (quantiles and the
    maximum, or where only the sum of all latencies is known, `latency_mean`); where the log has them, `request_bytes_…`
    and `response_bytes_…`, and mean and maximum of each resource. Quantiles have the interval of order statistics.
    """
    return [
        point("predictions", service.weight, service.rows),
        point("throughput", service.weight / size.total_seconds(), service.rows),
        *(_share(metric, service, kinds) for metric, kinds in SHARES.items()),
        *_latency(service),
        *_sizes("request_bytes", service.request_bytes),
        *_sizes("response_bytes", service.response_bytes),
        *_resources(service),
    ]


def _share(metric: str, service: ServiceProfile, kinds: tuple[str, ...]) -> Point:
    if not service.unlogged:
        return share_point(metric, sum(getattr(service, kind) for kind in kinds), service.rows)
    value = service.share(*kinds)
    low, high = share_interval(value, service.effective_rows)
    return Point(metric, value, service.rows, low=low, high=high)


def _latency(service: ServiceProfile) -> Iterator[Point]:
    latency = service.latency
    for metric, q in LATENCIES.items():
        if latency.n:
            yield quantile_point(metric, latency, q)
        else:
            yield undefined(metric, 0, "no record of this window has a latency")
    if latency.n:
        yield point("latency_max", latency.high, latency.n)
    elif service.summed:
        yield point("latency_mean", service.latency_total / service.summed, service.summed)


def quantile_point(metric: str, sketch: LatencySketch, q: float) -> Point:
    """The q-quantile with its 95 % interval."""
    low, high = sketch.interval(q)
    return Point(metric, sketch.quantile(q), sketch.n, low=low, high=high)


def _sizes(name: str, sketch: LatencySketch) -> Iterator[Point]:
    if sketch.n:
        yield from (quantile_point(f"{name}_{suffix}", sketch, q) for suffix, q in SIZES.items())
        yield point(f"{name}_max", sketch.high, sketch.n)


def _resources(service: ServiceProfile) -> Iterator[Point]:
    for name, usage in sorted(service.resources.items()):
        yield point(f"{name}_mean", usage.mean, usage.n)
        yield point(f"{name}_max", usage.high, usage.n)
