"""Counters of model servers: what was served between two looks, in spite of restarts, and as windows show it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from collectors.sources.prometheus_counts import growth, read_series, served, sketch_of
from collectors.sources.prometheus_usage import usage
from monitor.db import catalog, service_samples
from monitor.db.database import Database
from monitor.db.models import ServiceSample
from monitor.errors import ConfigError, Unavailable
from monitor.profiles import LatencySketch, ServiceProfile
from monitor.profiles.usage import Usage
from monitor.service import service_points, with_counters
from monitor.windows import Window
from tests.sources.conftest import Clock, MakeReading

RECORDINGS = Path(__file__).parents[1] / "recordings"


def counted(text: str) -> dict[tuple[str, str], tuple[int, int, int, int, float]]:
    """(Model, version) → calls, failed by the client, failed, timed ones, sum of latencies."""
    return {
        key: (each.rows, each.client_errors, each.server_errors, each.summed,
              round(each.latency_total, 3))
        for key, each in served(growth({}, read_series(text))).items()
    }  # fmt: skip


def recording(server: str) -> str:
    return (RECORDINGS / server / "metrics.txt").read_text()


def test_mlservers_counters() -> None:
    found = counted(recording("mlserver"))
    assert found[("electricity", "")] == (118, 0, 3, 118, 93.359)
    assert found[("bank", "")] == (34, 0, 2, 34, 268.671)
    assert found[("electricity", "v1.0.0")] == (1, 0, 0, 1, 0.383)


def test_bentomls_counters_and_histogram() -> None:
    served_by = served(growth({}, read_series(recording("bentoml"))))
    found = served_by[("classify", "")]
    assert (found.rows, found.client_errors, found.server_errors, found.latency.n) == (79, 3, 2, 79)
    assert 1 < found.latency.quantile(0.5) < 100
    assert ("healthz", "") not in served_by


def test_kserves_histogram_is_all_it_has() -> None:
    found = {model: each for (model, _), each in served(growth({}, read_series(recording("kserve")))).items()}
    assert set(found) == {"electricity", "bike"}
    assert all(each.rows == each.latency.n and each.errors == 0 for each in found.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('nv_inference_request_success{model="m",version="1"} 90\n'
         'nv_inference_request_failure{model="m",reason="BACKEND",version="1"} 10\n'
         'nv_inference_request_duration_us{model="m",version="1"} 450000\n', {("m", "1"): (100, 0, 10, 90, 450.0)}),
        (':tensorflow:serving:request_count{model_name="m",status="OK"} 5\n'
         ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 2\n'
         ':tensorflow:serving:request_latency_sum{model_name="m",API="Predict",entrypoint="REST"} 5000\n'
         ':tensorflow:serving:request_latency_count{model_name="m",API="Predict",entrypoint="REST"} 5\n',
         {("m", ""): (7, 0, 2, 5, 5.0)}),
        ('ts_inference_requests_total{model_name="m",model_version="2",hostname="h"} 4\n'
         'ts_inference_latency_microseconds{model_name="m",model_version="2",hostname="h"} 8000\n',
         {("m", "2"): (4, 0, 0, 4, 8.0)}),
        ('ray_serve_deployment_request_counter{deployment="m",replica="a"} 6\n'
         'ray_serve_deployment_request_counter{deployment="m",replica="b"} 4\n'
         'ray_serve_deployment_error_counter{deployment="m",replica="b"} 1\n'
         'ray_serve_deployment_processing_latency_ms_sum{deployment="m",replica="a"} 60\n'
         'ray_serve_deployment_processing_latency_ms_count{deployment="m",replica="a"} 6\n',
         {("m", ""): (10, 0, 1, 6, 60.0)}),
        ('seldon_model_infer_total{code="200",method_type="rest",model="m",model_internal="m_1"} 8\n'
         'seldon_model_infer_total{code="OK",method_type="grpc",model="m",model_internal="m_1"} 1\n'
         'seldon_model_infer_total{code="404",method_type="rest",model="m",model_internal="m_1"} 2\n'
         'seldon_model_infer_api_seconds_sum{model="m"} 0.5\nseldon_model_infer_api_seconds_count{model="m"} 9\n',
         {("m", ""): (11, 2, 0, 9, 500.0)}),
    ],
    ids=["triton", "tf-serving", "torchserve", "ray-serve", "seldon"],
)  # fmt: skip
def test_units_and_outcomes_of_each_server(text: str, expected: dict[tuple[str, str], tuple[int, ...]]) -> None:
    assert counted(text) == expected


def page(calls: int, failures: int = 0, started: float = 1.0) -> str:
    return (
        f"process_start_time_seconds {started}\n"
        f'model_infer_request_success_total{{model="m",version="None"}} {calls}\n'
        f'model_infer_request_failure_total{{model="m",version="None"}} {failures}\n'
    )


DURATION = (
    'model_infer_request_duration_count{model="m",version="None"} 100\n'
    'model_infer_request_duration_sum{model="m",version="None"} 0.5\n'
)


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [
        (page(100), page(130), 30),
        (page(100), page(20), 20),  # began again
        (page(100), page(120, started=2.0), 120),  # began again, and has more already
        (page(100), page(100), 0),
        ("", page(7), 7),  # the first call came after the first look
    ],
)
def test_counters_that_began_again_are_counted_from_zero(before: str, after: str, calls: int) -> None:
    found = served(growth(read_series(before), read_series(after)))
    assert sum(each.rows for each in found.values()) == calls


def test_a_histogram_as_a_sketch_keeps_its_quantiles() -> None:
    sketch = sketch_of({10.0: 50.0, 100.0: 90.0, 1000.0: 99.0, float("inf"): 100.0})
    assert sketch.n == 100
    assert sketch.quantile(0.25) == pytest.approx(5, rel=0.1)
    assert sketch.quantile(0.7) == pytest.approx(55, rel=0.1)
    assert sketch.quantile(1.0) == pytest.approx(1000, rel=0.05)
    assert sketch_of({}) == LatencySketch()


def test_a_text_that_is_no_page_of_metrics_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="no page of Prometheus metrics"):
        read_series("<html><body>not found</body></html>\n")


def test_counters_complete_a_log_and_never_count_a_call_twice() -> None:
    slow, fast = LatencySketch.of([100.0]), LatencySketch.of([1.0])
    counters = ServiceProfile(10, 10.0, 1, 2, slow)
    assert with_counters(ServiceProfile(), counters) == counters
    assert with_counters(ServiceProfile(7, 7.0, 0, 0), counters) == ServiceProfile(10, 10.0, 1, 2, slow)
    assert with_counters(ServiceProfile(7, 14.0, 0, 1, fast), counters) == ServiceProfile(7, 14.0, 0, 1, fast)
    assert with_counters(ServiceProfile(7, 7.0), ServiceProfile()) == ServiceProfile(7, 7.0)


def test_a_sum_of_latencies_is_a_mean_and_no_quantile() -> None:
    (found,) = served(growth({}, read_series(page(90, 10) + DURATION))).values()
    points = {point.metric: point for point in service_points(found, timedelta(hours=1))}
    assert (points["latency_mean"].value, points["latency_mean"].n) == (5.0, 100)
    assert points["latency_p95"].value is None


class Server:
    """A model server's /metrics page, which says what a test puts there."""

    def __init__(self) -> None:
        self.text, self.status = "", 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/metrics"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def samples(db: Database) -> list[ServiceSample]:
    with db.reading() as session:
        return list(session.scalars(select(ServiceSample).order_by(ServiceSample.end)))


def total(db: Database, start: datetime) -> ServiceProfile:
    with db.reading() as session:
        model = catalog.find_model(session, "m")
        return service_samples.served_in(session, model.id, Window(start, timedelta(hours=1)))


def test_what_is_served_between_two_looks_is_a_sample(
    db: Database, server: Server, reading: MakeReading, clock: Clock
) -> None:
    source = reading("prometheus", url=server.url, db=db)
    for calls in (1000, 1030, 1100, 50):
        server.text = page(calls, failures=calls // 100)
        source.read()
        source.restart()
        clock.now += timedelta(seconds=15)
    assert [(each.end - each.start).total_seconds() for each in samples(db)] == [15, 15, 15]
    found = total(db, datetime(2026, 3, 4, 12, tzinfo=UTC))
    assert (found.rows, found.errors) == (30 + 71 + 50, 1)
    with db.reading() as session:
        assert catalog.find_model(session, "m").last_received_at == clock.now - timedelta(seconds=15)


def test_a_sample_written_again_after_a_crash_counts_once(
    db: Database, server: Server, reading: MakeReading, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = reading("prometheus", url=server.url, db=db)
    server.text = page(100)
    source.read()
    server.text, clock.now = page(110), clock.now + timedelta(seconds=15)
    with monkeypatch.context() as patch:
        patch.setattr("collectors.sources.runner.SourceRunner._append", _dies)
        with pytest.raises(RuntimeError, match="killed"):
            source.read()
    assert total(db, datetime(2026, 3, 4, 12, tzinfo=UTC)).rows == 10
    source.restart()
    server.text, clock.now = page(125), clock.now + timedelta(seconds=15)
    source.read()
    assert total(db, datetime(2026, 3, 4, 12, tzinfo=UTC)).rows == 25


def _dies(*_: object) -> None:
    raise RuntimeError("killed before the commit")


def test_models_are_chosen_and_renamed(sqlite_db: Database, server: Server, reading: MakeReading, clock: Clock) -> None:
    source = reading("prometheus", url=server.url, db=sqlite_db, models={"electricity": "power"})
    for text in ("", recording("mlserver")):
        server.text = text
        source.read()
        clock.now += timedelta(seconds=15)
    with sqlite_db.reading() as session:
        assert [model.name for model in catalog.list_models(session)] == ["power"]


def test_a_server_that_fails_is_unavailable_and_loses_nothing_that_it_counts(
    sqlite_db: Database, server: Server, reading: MakeReading, clock: Clock
) -> None:
    source = reading("prometheus", url=server.url, db=sqlite_db, max_bytes=2048)
    server.text = page(100)
    source.read()
    clock.now += timedelta(seconds=15)
    for server.status, server.text, told in ((500, "", "status 500"), (200, "x" * 5000, "more than max_bytes")):
        with pytest.raises(Unavailable, match=told):
            source.read()
    server.text, clock.now = page(140), clock.now + timedelta(seconds=15)
    source.read()
    assert total(sqlite_db, datetime(2026, 3, 4, 12, tzinfo=UTC)).rows == 40


def test_an_address_that_is_none_is_named(reading: MakeReading) -> None:
    with pytest.raises(ConfigError, match=r"url 'file:///etc/passwd' is not accepted; accepted: http"):
        reading("prometheus", url="file:///etc/passwd").read()


PROCESS = """
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu}
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 2.5e+08
# TYPE nv_gpu_utilization gauge
nv_gpu_utilization{{gpu_uuid="a"}} 0.9
nv_gpu_utilization{{gpu_uuid="b"}} 0.5
"""


def test_what_the_process_used_is_known_between_two_looks() -> None:
    before, after = (read_series(PROCESS.format(cpu=cpu)) for cpu in (100.0, 107.5))
    assert usage(before, after, 15.0) == {
        "cpu_percent": Usage(1, 50.0, 50.0),
        "memory_bytes": Usage(1, 2.5e8, 2.5e8),
        "gpu_percent": Usage(2, 140.0, 90.0),
    }
    assert "cpu_percent" not in usage(after, before, 15.0)  # the process began again
    assert "cpu_percent" not in usage({}, after, 15.0)
    assert served(growth(before, after)) == {}
