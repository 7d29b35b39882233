"""Ray Serve's lines, from its first layout to today's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.formats import Log, find_format, sniff_format
from collectors.wire import WirePrediction

ID = "067dc5a1-7a3a-4a6c-b7c4-2a4e4cd9a3a1"
OLD = """\
(HTTPProxyActor pid=71150) INFO:     Started server process [71150]
(HTTPProxyActor pid=71150) INFO 2022-08-02 16:17:02,502 http_proxy 127.0.0.1 http_proxy.py:315 - POST / 200 3.5ms
(ServeReplica:SayHello pid=71162) INFO 2022-08-02 16:17:02,501 SayHello SayHello#kKGBoa monitoring.py:13 - Hello world!
(ServeReplica:SayHello pid=71162) INFO 2022-08-02 16:17:02,501 Hello Hello#kKGBoa x.py:482 - HANDLE __call__ OK 0.3ms
"""
MIDDLE = f"INFO 2024-02-15 12:11:19,125 default_Model Model#aBcDeF {ID} /predict default x.py:749 - __CALL__ OK 5.0ms\n"
PROXY = f"INFO 2025-04-08 05:12:31,880 proxy 127.0.0.1 {ID} -- POST /predict 200 9.0ms\n"
REPLICA = f"INFO 2025-04-08 05:12:31,880 default_Model atwo8nq0 {ID} -- CALL __call__ ERROR 7.0ms\n"


def line(**fields: Any) -> str:
    usual = {
        "asctime": "2025-04-08 05:12:31,880",
        "levelname": "INFO",
        "message": "POST /predict 200 4.4ms",
        "filename": "replica.py",
        "request_id": ID,
        "route": "/predict",
        "application": "shop",
        "deployment": "Model",
        "replica": "atwo8nq0",
        "component_name": "replica",
        "timestamp_ns": 1744089151880000000,
    }
    return json.dumps(usual | fields) + "\n"


def records(text: str, model: str | None = None) -> list[WirePrediction]:
    log = Log(text.encode(), model=model)
    assert sniff_format(log) is find_format("ray-serve")
    parts = list(find_format("ray-serve").decode(log))
    assert [refused for part in parts for refused in part.refusals] == []
    return [record for part in parts for record in part.records if isinstance(record, WirePrediction)]


def test_calls_of_an_old_ray_count_at_the_proxy() -> None:
    (read,) = records(OLD, "hello")
    assert (read.model, read.status_code, read.latency_ms) == ("hello", 200, 3.5)
    assert read.event_time == datetime(2022, 8, 2, 16, 17, 2, 502000, tzinfo=UTC)


@pytest.mark.parametrize("text", [MIDDLE, PROXY, REPLICA, line(), line(deployment=None, component_name="proxy")])
def test_the_request_id_is_the_predictions(text: str) -> None:
    (read,) = records(text)
    assert read.prediction_id == ID
    assert read.event_time is not None


def test_a_deployment_names_the_model_only_where_nobody_else_does() -> None:
    assert [records(text)[0].model for text in (MIDDLE, REPLICA, line())] == ["default_Model", "default_Model", "Model"]
    assert [records(text, "churn")[0].model for text in (MIDDLE, REPLICA, line())] == ["churn"] * 3
    assert records(PROXY)[0].model is None
    assert records(line(deployment=None))[0].model == "shop"


def test_a_call_at_proxy_and_replica_is_one_prediction_by_its_id() -> None:
    assert {record.prediction_id for record in records(PROXY + REPLICA, "churn")} == {ID}


def test_a_deployment_that_fails_is_an_error() -> None:
    (read,) = records(REPLICA)
    assert (read.status_code, read.error) == (None, "the deployment answered ERROR")
    (read,) = records(line(message="POST /predict 500 4.4ms"))
    assert (read.status_code, read.error) == (500, None)


def test_the_client_before_the_call_is_read_over() -> None:
    (read,) = records(PROXY.replace("POST", "10.0.0.1:5000 POST"))
    assert (read.status_code, read.latency_ms) == (200, 9.0)


def test_health_checks_and_other_messages_are_skipped() -> None:
    chatter = line(message="Started replica") + line(message="GET /-/healthz 200 0.1ms") + line(message="GET / 200 1ms")
    assert records(chatter) == []
    assert records(PROXY.replace("/predict", "/-/routes") + MIDDLE) == records(MIDDLE)


def test_a_line_without_its_text_time_has_the_one_in_nanoseconds() -> None:
    (read,) = records(line(asctime=None))
    assert read.event_time == datetime(2025, 4, 8, 5, 12, 31, 880000, tzinfo=UTC)


def test_json_that_is_no_line_of_serve_is_skipped() -> None:
    assert records(line() + '{"component_name": 3, "message": []}\n{"broken\n') == records(line())
