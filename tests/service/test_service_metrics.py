"""Service metrics of a window: counts, rates and latency quantiles, each with its reason where it has no value."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.points import Point, Status
from monitor.profiles import LatencySketch, ServiceProfile
from monitor.profiles.usage import Usage
from monitor.service import service_points

HOUR = timedelta(hours=1)


def points(service: ServiceProfile, size: timedelta = HOUR) -> dict[str, Point]:
    return {point.metric: point for point in service_points(service, size)}


def test_an_empty_window_has_a_count_of_zero_and_says_why_it_has_nothing_else() -> None:
    found = points(ServiceProfile())
    assert (found["predictions"].value, found["throughput"].value) == (0.0, 0.0)
    assert (found["error_rate"].status, found["error_rate"].reason) == (
        Status.UNDEFINED,
        "no rows to compute it from",
    )
    for metric in ("latency_p50", "latency_p95", "latency_p99"):
        assert (found[metric].value, found[metric].reason) == (None, "no record of this window has a latency")


def test_counts_are_reweighted_by_sampling_and_rates_are_not() -> None:
    found = points(ServiceProfile(rows=90, weight=900.0, client_errors=3, server_errors=6), timedelta(minutes=15))
    assert (found["predictions"].value, found["predictions"].n) == (900.0, 90)
    assert found["throughput"].value == 1.0
    assert found["error_rate"].value == 0.1


@given(st.integers(1, 10_000), st.integers(0, 10_000))
def test_the_interval_of_an_error_rate_holds_it_and_stays_a_share(rows: int, errors: int) -> None:
    rate = points(ServiceProfile(rows, float(rows), 0, min(errors, rows)))["error_rate"]
    assert rate.value is not None
    assert rate.low is not None
    assert rate.high is not None
    assert 0 <= rate.low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= rate.high <= 1


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_latency_quantiles_are_within_one_percent(scale: float) -> None:
    latencies = np.random.default_rng(4).gamma(2, 20, 5000) * scale
    found = points(ServiceProfile(5000, 5000.0, latency=LatencySketch.of(latencies.tolist())))
    for metric, q in (("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99", 0.99)):
        exact = float(np.quantile(latencies, q, method="lower"))
        assert found[metric].value == pytest.approx(exact, rel=0.0101)
        assert found[metric].n == 5000


def test_only_rows_that_have_a_latency_are_counted_for_it() -> None:
    found = points(ServiceProfile(100, 100.0, latency=LatencySketch.of([0.0, 5.0, 5.0])))
    assert (found["latency_p95"].value, found["latency_p95"].n) == (pytest.approx(5.0, rel=0.011), 3)


def test_failures_that_were_all_kept_among_sampled_successes_are_a_small_share() -> None:
    """Keep every failure, log one success in ten: 10 of 1,000 calls failed, whatever the rows say."""
    service = ServiceProfile(
        rows=109, weight=1000.0, server_errors=10, timeouts=4, squares=9910.0,
        unlogged={"client_errors": 0.0, "server_errors": 0.0, "timeouts": 0.0},
    )  # fmt: skip
    found = points(service)
    assert found["error_rate"].value == found["server_error_rate"].value == pytest.approx(0.01)
    assert found["timeout_rate"].value == pytest.approx(0.004)
    assert found["client_error_rate"].value == 0
    assert found["error_rate"].low < 0.01 < found["error_rate"].high  # type: ignore[operator]


def test_quantiles_are_those_of_the_traffic_and_not_of_the_rows() -> None:
    sampled = LatencySketch.of([10.0] * 90 + [1000.0] * 90, [10.0] * 90 + [1.0] * 90)
    assert sampled.quantile(0.5) == pytest.approx(10, rel=0.01)
    assert sampled.quantile(0.95) == pytest.approx(1000, rel=0.01)
    evenly = LatencySketch.of([float(i) for i in range(1, 101)], [4.0] * 100)
    alone = LatencySketch.of([float(i) for i in range(1, 101)])
    for q in (0.0, 0.1, 0.5, 0.9, 0.99, 1.0):
        assert evenly.quantile(q) == alone.quantile(q)
        assert evenly.interval(q) == alone.interval(q)


def test_the_interval_of_a_quantile_covers_it_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(8)
    covered = 0
    for _ in range(400):
        low, high = LatencySketch.of(random.exponential(1, 200).tolist()).interval(0.9)
        covered += low * 0.99 <= -np.log(0.1) <= high * 1.01
    assert 0.92 <= covered / 400 <= 0.99


@given(st.lists(st.tuples(st.floats(0.01, 1e5), st.sampled_from([1.0, 2.0, 10.0])), min_size=1, max_size=40))
def test_merging_sampled_sketches_equals_sketching_all(pairs: list[tuple[float, float]]) -> None:
    def sketch(some: list[tuple[float, float]]) -> LatencySketch:
        return LatencySketch.of([value for value, _ in some], [weight for _, weight in some])

    assert sketch(pairs[:7]).merge(sketch(pairs[7:])) == sketch(pairs)


def test_sizes_and_resources_have_points_where_the_log_has_them() -> None:
    found = points(ServiceProfile(3, 3.0))
    assert not [name for name in found if "bytes" in name or "cpu" in name]
    service = ServiceProfile(
        3, 3.0, request_bytes=LatencySketch.of([0, 100, 2000]), resources={"cpu_percent": Usage(2, 90.0, 70.0)}
    )
    found = points(service)
    assert (found["request_bytes_max"].value, found["request_bytes_p50"].value) == (2000, pytest.approx(100, rel=0.01))
    assert (found["cpu_percent_mean"].value, found["cpu_percent_max"].value) == (45, 70)
    assert found["cpu_percent_mean"].n == 2


def test_profiles_of_earlier_versions_are_read() -> None:
    old = msgspec.msgpack.encode(
        {"rows": 4, "weight": 8.0, "server_errors": 1, "latency": {"buckets": {3: 4}, "high": 2}}
    )
    service = msgspec.msgpack.decode(old, type=ServiceProfile)
    assert service.latency.n == 4
    assert points(service)["error_rate"].value == 0.25


def test_service_profiles_are_a_monoid() -> None:
    def one(rows: int) -> ServiceProfile:
        sketch = LatencySketch.of([float(rows)] * rows, [2.0] * rows)
        return ServiceProfile(
            rows, 2.0 * rows, 1, 0, sketch, timeouts=1, unlogged={"timeouts": 1.0}, squares=4.0 * rows,
            request_bytes=sketch, resources={"cpu_percent": Usage(rows, 2.0, float(rows))},
        )  # fmt: skip

    a, b, c = one(1), one(2), one(3)
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == c.merge(a).merge(b)
    assert a.merge(ServiceProfile()) == a
