from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from standardwebhooks.webhooks import Webhook

from monitor.demo.endpoint import EndpointSettings, create_app
from monitor.demo.flights import Departures, between, departures
from monitor.demo.training import load_model, versions_in

from .conftest import Logs

if TYPE_CHECKING:
    import pandas as pd

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MORNING = datetime(2013, 4, 2, 12, tzinfo=UTC)
SHIFT = timedelta(days=4700)


@pytest.fixture(scope="session")
def request_16(flights: pd.DataFrame) -> Departures:
    return next(departures(between(flights, MORNING, MORNING + timedelta(hours=1))))


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models, tmp_path / "models"))


@pytest.fixture
def endpoint(folder: Path, logs: Logs) -> Iterator[httpx.Client]:
    """The endpoint behind a real server."""
    settings = EndpointSettings(models=folder, collector_url=logs.url, hook_secret=SECRET, shift=SHIFT, iterations=2)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    with httpx.Client(base_url=f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}") as client:
        yield client
    server.should_exit = True
    thread.join()


def wait_until(condition: Callable[[], Any], timeout: float = 60) -> Any:
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def hook(kind: str, message_id: str = "run-1", secret: str = SECRET, **plan: Any) -> dict[str, Any]:
    body = json.dumps({"type": kind, "data": {"model": "flight-delays", "target_version": None, **plan}})
    now = datetime.now(UTC)
    signature = Webhook(secret).sign(message_id, now, body)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    return {"content": body, "headers": headers}


def test_every_flight_of_a_request_is_scored_and_logged(
    endpoint: httpx.Client, logs: Logs, request_16: Departures, folder: Path
) -> None:
    shown = request_16.moment + SHIFT
    answer = endpoint.post(
        "/predict",
        json={"instances": request_16.instances, "ids": request_16.ids},
        headers={"x-event-time": shown.isoformat()},
    )
    assert answer.status_code == 200
    scores = [prediction["score"] for prediction in answer.json()["predictions"]]
    assert scores == load_model(folder, "1").scores(request_16.instances)
    assert answer.json()["model_version"] == "1"
    wait_until(lambda: len(logs.records) == len(scores))
    assert [record["prediction_id"] for record in logs.records] == request_16.ids
    assert [record["score"] for record in logs.records] == scores
    assert [record["features"] for record in logs.records] == request_16.instances
    first = logs.records[0]
    assert (first["model"], first["version"], first["status_code"]) == ("flight-delays", "1", 200)
    assert datetime.fromisoformat(first["event_time"]) == shown


def test_without_ids_the_requests_id_and_the_row_name_a_prediction(
    endpoint: httpx.Client, logs: Logs, request_16: Departures
) -> None:
    endpoint.post("/predict", json={"instances": request_16.instances}, headers={"x-request-id": "r1"})
    wait_until(lambda: logs.records)
    assert logs.records[1]["prediction_id"] == "r1/1"


def test_a_flight_without_weather_is_refused_and_logged_as_an_error(
    endpoint: httpx.Client, logs: Logs, request_16: Departures
) -> None:
    instances = [request_16.instances[0], {**request_16.instances[1], "temp": None}]
    answer = endpoint.post("/predict", json={"instances": instances, "ids": ["a", "b"]})
    assert answer.status_code == 422
    assert answer.json() == {"detail": "instance 1: the weather at departure is missing (temp is null)"}
    wait_until(lambda: len(logs.records) == 2)
    assert {record["status_code"] for record in logs.records} == {422}
    assert "weather" in logs.records[0]["error"]
    assert [record["prediction_id"] for record in logs.records] == ["a", "b"]


@pytest.mark.parametrize(
    "body", [{}, {"instances": []}, {"instances": [1]}, {"instances": [{"temp": 1, "distance": "far"}]}]
)
def test_what_is_not_a_request_gets_422(endpoint: httpx.Client, body: dict[str, Any]) -> None:
    assert endpoint.post("/predict", json=body).status_code == 422


def test_a_deployment_switches_the_version_and_an_unknown_one_does_not(
    endpoint: httpx.Client, request_16: Departures
) -> None:
    scores = []
    for version in ("1", "2"):
        assert endpoint.post("/deployments", json={"version": version}).json() == {"deployed": version}
        answer = endpoint.post("/predict", json={"instances": request_16.instances}).json()
        assert answer["model_version"] == version
        scores.append(sum(prediction["score"] for prediction in answer["predictions"]))
    assert scores[0] != scores[1]
    refused = endpoint.post("/deployments", json={"version": "9"})
    assert (refused.status_code, refused.json()["detail"]) == (404, "version '9' does not exist; there are 1, 2")
    assert endpoint.get("/healthz").json() == {"status": "ok", "version": "2"}


def test_the_versions_are_described_the_fault_included(endpoint: httpx.Client) -> None:
    described = endpoint.get("/versions").json()
    assert described["active"] == "1"
    assert [version["version"] for version in described["versions"]] == ["1", "2"]
    assert "unit mix-up on purpose" in described["versions"][1]["note"]


def test_a_signed_rollback_is_done_once(endpoint: httpx.Client) -> None:
    endpoint.post("/deployments", json={"version": "2"})
    answer = endpoint.post("/hooks/kedge", **hook("response.rollback", target_version="1"))
    assert (answer.status_code, answer.json()) == (202, {"deployed": "1"})
    endpoint.post("/deployments", json={"version": "2"})
    repeat = endpoint.post("/hooks/kedge", **hook("response.rollback", target_version="1"))
    assert (repeat.status_code, repeat.json()) == (202, {"deployed": "1"})
    assert endpoint.get("/versions").json()["active"] == "2"
    endpoint.post("/hooks/kedge", **hook("response.rollback", message_id="run-2", target_version="1"))
    assert endpoint.get("/versions").json()["active"] == "1"


def test_a_signed_retraining_learns_from_what_was_known_at_the_replays_time(
    endpoint: httpx.Client, request_16: Departures, folder: Path
) -> None:
    until = datetime(2013, 2, 1, tzinfo=UTC)
    for moment in (until + SHIFT, until + SHIFT - timedelta(days=1)):
        endpoint.post(
            "/predict", json={"instances": request_16.instances}, headers={"x-event-time": moment.isoformat()}
        )
    started = time.monotonic()
    answer = endpoint.post("/hooks/kedge", **hook("response.retrain"))
    assert (answer.status_code, answer.json()) == (202, {"training": "3"})
    assert time.monotonic() - started < 1
    assert endpoint.post("/hooks/kedge", **hook("response.retrain")).json() == {"training": "3"}
    assert endpoint.post("/hooks/kedge", **hook("response.retrain", message_id="run-2")).status_code == 409
    wait_until(lambda: endpoint.get("/versions").json()["retraining"] == "version 3 done")
    assert endpoint.get("/versions").json()["active"] == "3"
    assert "known by 2013-02-01 00:00" in load_model(folder, "3").note


def test_a_retraining_that_fails_says_why_and_changes_nothing(
    endpoint: httpx.Client, request_16: Departures, folder: Path
) -> None:
    early = datetime(2012, 1, 1, tzinfo=UTC) + SHIFT
    endpoint.post("/predict", json={"instances": request_16.instances}, headers={"x-event-time": early.isoformat()})
    endpoint.post("/hooks/kedge", **hook("response.retrain"))
    wait_until(lambda: "failed" in endpoint.get("/versions").json()["retraining"])
    described = endpoint.get("/versions").json()
    assert "0 flights with a known outcome" in described["retraining"]
    assert described["active"] == "1"
    assert versions_in(folder) == ["1", "2"]


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (hook("response.rollback", secret="whsec_" + "A" * 32, target_version="2"), 401, "signature"),
        ({"content": b"{}"}, 401, "signature"),
        (hook("response.dance"), 422, "response.dance"),
        (hook("response.rollback", model="churn", target_version="2"), 422, "churn"),
        (hook("response.rollback", target_version="9"), 404, "'9' does not exist"),
    ],
)
def test_hooks_that_are_not_right_are_refused(
    endpoint: httpx.Client, sent: dict[str, Any], status: int, reason: str
) -> None:
    answer = endpoint.post("/hooks/kedge", **sent)
    assert answer.status_code == status
    assert reason in answer.json()["detail"]
    assert endpoint.get("/versions").json()["active"] == "1"


def test_a_folder_without_models_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no models in"):
        create_app(EndpointSettings(models=tmp_path, collector_url="http://127.0.0.1:1"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGTERM")
def test_the_process_ends_cleanly_on_sigterm_with_its_log_sent(
    folder: Path, logs: Logs, request_16: Departures
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "monitor.demo.endpoint", "--port", str(port)]
    command += ["--models", str(folder), "--collector", logs.url]
    environment = {**os.environ, "KEDGE_HOOK_SECRET": SECRET, "KEDGE_DEMO_SHIFT_SECONDS": "3600"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(f"{url}/healthz"))
        assert httpx.post(f"{url}/predict", json={"instances": request_16.instances}).status_code == 200
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode in (0, -signal.SIGTERM)
    assert complaint == ""
    assert len(logs.records) == len(request_16.instances)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
