"""Service metrics of a window: counts, rates and latency quantiles, each with its reason where it has no value."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.points import Point, Status
from monitor.profiles import LatencySketch, ServiceProfile
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
