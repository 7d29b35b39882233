"""The service part of a window, read from rows by the engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from monitor.engines import ProfileRequest, RowSource, get_engine
from monitor.lake import predictions_table
from monitor.profiles import LatencySketch, ServiceProfile
from monitor.profiles.usage import Usage
from monitor.records import PredictionRecord
from monitor.slo import Events, Objective

START = datetime(2026, 3, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def table(*rows: dict[str, Any]) -> pa.Table:
    records = [
        PredictionRecord(
            model="m", prediction_id=f"p{i}", event_time=START + timedelta(minutes=i), received_time=START, **row
        )
        for i, row in enumerate(rows)
    ]
    return predictions_table(records, {})


def read(rows: pa.Table) -> ServiceProfile:
    return get_engine().profile(ProfileRequest(RowSource(table=rows), RowSource(), START, START + HOUR)).service


@pytest.mark.parametrize(
    ("row", "is_timeout"),
    [
        ({"status_code": 408}, True),
        ({"status_code": 499}, True),
        ({"status_code": 504}, True),
        ({"status_code": 500}, False),
        ({"status_code": 503, "error": "upstream request Timeout"}, True),
        ({"error": "DEADLINE_EXCEEDED: 2 s"}, True),
        ({"error": "context deadline exceeded"}, True),
        ({"error": "ReadTimeout: timed out"}, True),
        ({"error": "no such column: timezone_out"}, False),
        ({"status_code": 200}, False),
    ],
)
def test_what_is_a_timeout(row: dict[str, Any], is_timeout: bool) -> None:
    assert read(table(row)).timeouts == is_timeout


def test_sizes_and_resources_are_read() -> None:
    service = read(
        table(
            {"request_bytes": 10, "response_bytes": 400, "resources": {"cpu_percent": 20.0, "memory_bytes": 1e9}},
            {"request_bytes": 30, "resources": {"cpu_percent": 60.0, "custom": float("nan")}},
            {},
        )
    )
    assert service.request_bytes == LatencySketch.of([10.0, 30.0])
    assert service.response_bytes == LatencySketch.of([400.0])
    assert service.resources == {"cpu_percent": Usage(2, 80.0, 60.0), "memory_bytes": Usage(1, 1e9, 1e9)}


def test_rows_from_before_the_columns_were_there_are_read() -> None:
    old = table({"latency_ms": 5.0}).drop_columns(["request_bytes", "response_bytes", "resources"])
    assert read(old) == ServiceProfile(1, 1.0, latency=LatencySketch.of([5.0]), squares=1.0)


def test_fractions_weigh_failures_and_latencies() -> None:
    service = read(
        table(
            {"status_code": 500, "latency_ms": 100.0},
            *[{"status_code": 200, "latency_ms": 10.0, "sampling_fraction": 0.1}] * 9,
        )
    )
    assert (service.weight, service.server_errors, service.share("server_errors")) == (91, 1, pytest.approx(1 / 91))
    assert service.latency == LatencySketch.of([100.0, *[10.0] * 9], [1.0, *[10.0] * 9])


def test_events_are_counted_by_file_and_minute(tmp_path: Any) -> None:
    import pyarrow.parquet as pq

    rows = table(
        {"status_code": 200, "latency_ms": 10.0},
        {"status_code": 500, "latency_ms": 300.0, "sampling_fraction": 0.5},
        {"status_code": 404},
    )
    paths = [str(tmp_path / name) for name in ("a.parquet", "b it's.parquet")]
    pq.write_table(rows, paths[0])
    pq.write_table(rows.slice(0, 1), paths[1])
    found = get_engine().events(paths, START, [Objective(), Objective(200.0), Objective(300.0)])
    minute = timedelta(minutes=1)
    assert found[paths[0]] == {
        START: (Events(1, 1.0), Events(1, 1.0), Events(1, 1.0)),
        START + minute: (Events(1, 2.0, 1, 2.0), Events(1, 2.0, 1, 2.0), Events(1, 2.0)),
        START + 2 * minute: (Events(1, 1.0), Events(), Events()),
    }
    assert list(found[paths[1]]) == [START]
    assert list(get_engine().events(paths, START + minute, [Objective()])) == [paths[0]]
