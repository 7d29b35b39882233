"""JSON access logs of nginx and Envoy, under the names that are usual and under others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.formats import Decoded, Log, find_format, sniff_format
from collectors.wire import WirePrediction
from monitor.config import MappingSettings

NGINX: dict[str, Any] = {
    "time_iso8601": "2026-03-04T11:00:00+01:00",
    "msec": "1772618400.123",
    "request_method": "POST",
    "request_uri": "/v2/models/churn/infer?x=1",
    "status": "200",
    "request_time": "0.012",
    "upstream_response_time": "0.010",
    "request_id": "f1e2d3c4",
}
ENVOY: dict[str, Any] = {
    "start_time": "2026-03-04T10:00:00.250Z",
    "method": "POST",
    "path": "/v2/models/churn/infer",
    "response_code": 200,
    "response_flags": "-",
    "duration": 12,
    "upstream_service_time": "11",
    "request_id": "f1e2d3c4",
}


def decode(name: str, *lines: dict[str, Any], **mapping: Any) -> Decoded:
    body = "\n".join(map(json.dumps, lines)).encode()
    log = Log(body, mapping=MappingSettings(**mapping))
    (decoded,) = find_format(name).decode(log)
    return decoded


def one(name: str, line: dict[str, Any], **mapping: Any) -> WirePrediction:
    decoded = decode(name, line, **mapping)
    assert decoded.refusals == []
    (record,) = decoded.records
    assert isinstance(record, WirePrediction)
    return record


@pytest.mark.parametrize(("name", "line"), [("nginx", NGINX), ("envoy", ENVOY)])
def test_a_log_under_usual_names_is_recognised(name: str, line: dict[str, Any]) -> None:
    assert sniff_format(Log(json.dumps(line).encode())) is find_format(name)


def test_nginx_times_are_seconds_and_become_ms() -> None:
    assert one("nginx", NGINX) == WirePrediction(
        model="churn",
        prediction_id="f1e2d3c4",
        event_time=datetime(2026, 3, 4, 10, tzinfo=UTC),
        latency_ms=12.0,
        status_code=200,
    )


def test_nginx_may_log_the_time_as_seconds_since_1970() -> None:
    line = {key: value for key, value in NGINX.items() if key != "time_iso8601"}
    assert one("nginx", line).event_time == datetime(2026, 3, 4, 10, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("upstream", "latency"),
    [("0.250", 250.0), ("0.1, 0.2", 300.0), ("0.1 : 0.05", 150.0), ("-", None), ("-, 0.2", 200.0)],
)
def test_without_the_requests_time_the_upstreams_times_are_added_up(upstream: str, latency: float | None) -> None:
    line = {key: value for key, value in NGINX.items() if key != "request_time"} | {"upstream_response_time": upstream}
    assert one("nginx", line).latency_ms == (None if latency is None else pytest.approx(latency))


def test_the_whole_request_line_holds_method_and_path() -> None:
    line = {key: value for key, value in NGINX.items() if key not in ("request_method", "request_uri")}
    assert one("nginx", line | {"request": "POST /v1/models/churn:predict HTTP/1.1"}).model == "churn"
    assert decode("nginx", line | {"request": "GET /v1/models/churn:predict HTTP/1.1"}).skipped == 1


def test_envoy_is_in_ms_and_its_numbers_may_be_text() -> None:
    record = one("envoy", ENVOY | {"response_code": "503", "duration": "7", "response_flags": "UF,URX"})
    assert (record.latency_ms, record.status_code, record.error) == (7.0, 503, "Envoy's response flags: UF,URX")
    assert record.event_time == datetime(2026, 3, 4, 10, 0, 0, 250000, tzinfo=UTC)


def test_code_0_is_a_client_that_vanished() -> None:
    record = one("envoy", ENVOY | {"response_code": 0, "response_flags": "DC"})
    assert record.status_code is None
    assert record.error == "the client vanished before the answer. Envoy's response flags: DC"


@pytest.mark.parametrize("unset", [None, "-"])
def test_what_is_unset_is_not_there(unset: Any) -> None:
    record = one(
        "envoy", ENVOY | {"request_id": unset, "duration": unset, "response_flags": unset, "start_time": unset}
    )
    assert (record.latency_ms, record.event_time, record.error, record.prediction_id) == (None, None, None, None)


def test_the_path_before_a_rewrite_is_the_path() -> None:
    assert one("envoy", ENVOY | {"x_envoy_original_path": "/v2/models/other/infer"}).model == "other"


def test_requests_that_are_no_predictions_are_skipped() -> None:
    lines = [NGINX | {"request_uri": "/metrics"}, NGINX | {"request_method": "GET"}, NGINX | {"status": "404"}, NGINX]
    decoded = decode("nginx", *lines)
    assert (len(decoded.records), decoded.skipped, decoded.places) == (1, 3, [3])


def test_a_mapping_names_the_keys_of_ones_own() -> None:
    line = NGINX | {"rt": "1500", "rid": 7, "zone": {"name": "eu"}, "at": "2026-03-04 12:00:00"}
    record = one(
        "nginx",
        line,
        fields={"latency_ms": "rt", "prediction_id": "rid", "tags.zone": "zone.name", "event_time": "at"},
        constants={"version": "7"},
        latency_unit="us",
        time_zone="Europe/Berlin",
        sampling_fraction=0.5,
    )
    assert (record.latency_ms, record.prediction_id, record.tags, record.version) == (1.5, "7", {"zone": "eu"}, "7")
    assert record.event_time == datetime(2026, 3, 4, 11, tzinfo=UTC)
    assert record.sampling_fraction == 0.5


def test_what_is_no_number_refuses_its_line_alone() -> None:
    decoded = decode("nginx", NGINX | {"request_time": "soon"}, NGINX)
    assert [refused.reason for refused in decoded.refusals] == ["latency_ms 'soon' is not a number"]
    assert decoded.places == [1]


def test_lines_that_are_no_json_are_refused_alone() -> None:
    body = json.dumps(NGINX).encode() + b"\nplain text\n"
    (decoded,) = find_format("nginx").decode(Log(body))
    assert (len(decoded.records), [refused.payload for refused in decoded.refusals]) == (1, [b"plain text"])
