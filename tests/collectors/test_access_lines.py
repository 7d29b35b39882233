"""What a request of an access log was, and how lines become records."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.formats import Decoded, Log, find_format
from collectors.formats.access_lines import STRETCH
from collectors.formats.endpoint_paths import Called, prediction_request
from collectors.wire import WirePrediction
from monitor.config import MappingSettings

LINE = b'INFO:     10.0.0.1:4000 - "POST /predict HTTP/1.1" 200 OK\n'
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)

PREDICTIONS = {
    "/predict": Called(),
    "/": Called(),
    "/classify?verbose=1": Called(),
    "/invocations": Called(),
    "/v1/models/iris:predict": Called("iris"),
    "/v1/models/electricity%3Apredict": Called("electricity"),
    "/v1/models/iris/versions/2:classify": Called("iris", "2"),
    "/v2/models/iris/infer": Called("iris"),
    "/v2/models/iris/versions/7/infer/": Called("iris", "7"),
    "/predictions/resnet-18": Called("resnet-18"),
    "/predictions/resnet-18/1.0": Called("resnet-18", "1.0"),
    "/serving-endpoints/churn/invocations": Called("churn"),
    "/seldon/prod/churn/api/v1.0/predictions": Called("churn"),
}
OTHERS = [
    *(
        "/metrics",
        "/health",
        "/healthz",
        "/v2/health/ready",
        "/ping",
        "/docs",
        "/openapi.json",
        "/feedback",
        "/-/routes",
    ),
    *("/v1/models", "/v2/models/iris", "/v2/models/iris/load", "/v1/models/iris:explain", "/v2/repository/index"),
]


@pytest.mark.parametrize("target", PREDICTIONS)
def test_a_post_of_a_prediction_path_is_a_prediction(target: str) -> None:
    assert prediction_request("POST", target, 200) == PREDICTIONS[target]


@pytest.mark.parametrize("target", OTHERS)
def test_health_metrics_and_management_are_none(target: str) -> None:
    assert prediction_request("POST", target, 200) is None


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 404), ("POST", 405)])
def test_reading_and_paths_that_do_not_exist_are_none(method: str, status: int) -> None:
    assert prediction_request(method, "/predict", status) is None


def test_paths_of_the_mapping_decide_whatever_the_method() -> None:
    paths = ("/score", "/v1/*/run")
    assert prediction_request("GET", "/score?x=1", 200, paths) == Called()
    assert prediction_request("POST", "/v1/churn/run", 500, paths) == Called()
    assert prediction_request("POST", "/predict", 200, paths) is None


@pytest.mark.parametrize("target", ["http://[bad/predict", "%zz", "//", "/%00"])
def test_odd_targets_never_raise(target: str) -> None:
    prediction_request("POST", target, 200)


def decode(log: Log) -> list[Decoded]:
    return list(find_format("uvicorn").decode(log))


def records(log: Log) -> list[WirePrediction]:
    return [record for part in decode(log) for record in part.records if isinstance(record, WirePrediction)]


def test_the_same_log_gives_the_same_ids_and_its_repeated_lines_different_ones() -> None:
    first, again = (records(Log(LINE * 3, path="a.log", at=NOON)) for _ in range(2))
    assert [r.prediction_id for r in first] == [r.prediction_id for r in again]
    assert len({r.prediction_id for r in first}) == 3


def test_ids_go_on_over_the_pieces_of_a_log_and_start_anew_in_the_next() -> None:
    whole = records(Log(LINE * 4, path="a.log", at=NOON))
    memory: dict[str, object] = {}
    pieces = [records(Log(LINE * 2, path="a.log", at=NOON, memory=memory)) for _ in range(2)]
    assert [r.prediction_id for piece in pieces for r in piece] == [r.prediction_id for r in whole]
    (other,) = records(Log(LINE, path="b.log", at=NOON, memory=memory))
    assert other.prediction_id == records(Log(LINE, path="b.log", at=NOON))[0].prediction_id


def test_what_a_container_runtime_puts_before_a_line_is_its_time() -> None:
    docker = b"2026-03-04T10:00:00.123456789Z " + LINE
    kubernetes = b"2026-03-04T11:00:00.5+01:00 stdout F " + LINE
    times = [record.event_time for record in records(Log(docker + kubernetes))]
    assert times == [
        datetime(2026, 3, 4, 10, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 3, 4, 10, 0, 0, 500000, tzinfo=UTC),
    ]


def test_colours_are_read_over() -> None:
    line = b'\x1b[32mINFO\x1b[0m:     10.0.0.1:4000 - "\x1b[1mPOST /predict HTTP/1.1\x1b[0m" \x1b[32m200 OK\x1b[0m\n'
    assert [record.status_code for record in records(Log(line))] == [200]
    assert find_format("uvicorn").sniff(Log(line))


def test_long_logs_come_in_stretches_with_running_places() -> None:
    parts = decode(Log(b"\n" + (b"chatter\n" + LINE) * STRETCH))
    assert [len(part.records) for part in parts] == [STRETCH // 2, STRETCH // 2, 0]
    assert [place for part in parts for place in part.places] == list(range(1, 2 * STRETCH, 2))
    assert sum(part.skipped for part in parts) == STRETCH


def test_a_time_that_is_none_refuses_its_line_alone() -> None:
    body = b"2026-13-04T10:00:00Z " + LINE + LINE
    (decoded,) = decode(Log(body))
    assert [refused.index for refused in decoded.refusals] == [0]
    assert decoded.refusals[0].payload == body.splitlines()[0]
    assert decoded.places == [1]


def test_sampling_and_the_model_come_from_the_source() -> None:
    log = Log(LINE, model="churn", mapping=MappingSettings(sampling_fraction=0.1))
    (record,) = records(log)
    assert (record.model, record.sampling_fraction, record.features) == ("churn", 0.1, {})


RECORDED = {
    "fastapi/uvicorn_access.log": (5, {200: 2, 503: 1, 422: 2}, None),
    "litserve/stdout.log": (4, {200: 3, 500: 1}, None),
    "mlflow/access.log": (4, {200: 2, 400: 2}, None),
    "mlserver/stdout_debug.log": (4, {200: 3, 422: 1}, "electricity"),
}


@pytest.mark.parametrize("path", RECORDED)
def test_uvicorns_lines_are_read_from_every_server_that_has_them(path: str) -> None:
    body = (Path(__file__).parents[1] / "recordings" / path).read_bytes()
    log = Log(body, path=path, at=NOON)
    assert find_format("uvicorn").sniff(log)
    (decoded,) = decode(log)
    count, statuses, model = RECORDED[path]
    read = [record for record in decoded.records if isinstance(record, WirePrediction)]
    assert len(read) == count
    assert {record.model for record in read} == {model}
    assert {record.event_time for record in read} == {NOON}
    assert {record.latency_ms for record in read} == {None}
    for status, times in statuses.items():
        assert [record.status_code for record in read].count(status) == times
    assert decoded.skipped == len([line for line in body.splitlines() if line.strip()]) - count


@pytest.mark.parametrize("name", ["uvicorn", "torchserve", "ray-serve", "kserve-lines", "bentoml-access"])
@pytest.mark.parametrize(
    "filling", [b"- ", b" ms", b"(", b'{"message":"component_name":', b"]", b"|#a:b,", b"time:wall'"]
)
def test_long_odd_lines_are_read_over_quickly(name: str, filling: bytes) -> None:
    log_format = find_format(name)
    start = log_format.example().body.strip()
    body = b"\n".join([start[: len(start) // 2] + filling * 100_000, b"{" + filling * 100_000])
    started = time.process_time()
    log_format.sniff(Log(body))
    (decoded,) = log_format.decode(Log(body))
    assert decoded.records == []
    assert time.process_time() - started < 2
