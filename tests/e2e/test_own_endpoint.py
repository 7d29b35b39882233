"""`kedge up` for a user's own endpoint, with nothing configured: from the first prediction to an incident."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from .conftest import KEDGE, Start, client, keys_in, wait_until

pytestmark = pytest.mark.e2e
MODEL = "shop/churn"
HOUR = timedelta(hours=1)
ROWS = 100
BASELINE_HOURS, USUAL_HOURS, DRIFTED_HOURS = 12, 4, 5
QUICK = {
    "KEDGE_MONITORING__BASELINE_ROWS": BASELINE_HOURS * ROWS,
    "KEDGE_JOBS__SETTLE_SECONDS": 1,
    "KEDGE_JOBS__TICK_SECONDS": 0.3,
    "KEDGE_COLLECTOR__FLUSH_SECONDS": 0.2,
}


def an_hour(random: Random, start: datetime, drifted: bool) -> list[dict[str, Any]]:
    """What an endpoint answered in one hour; where it drifted, customers are much older."""
    records = []
    for row in range(ROWS):
        age, plan, score = random.gauss(70 if drifted else 40, 8), random.choice("abc"), random.random()
        record = {"model": MODEL, "version": "1", "features": {"age": age, "plan": plan}, "latency_ms": 10.0}
        moment = start + row * HOUR / ROWS
        records.append(record | {"prediction": int(score > 0.5), "score": score, "event_time": moment.isoformat()})
    return records


def test_a_first_prediction_becomes_a_watched_model_and_drift_an_incident(
    start: Start, tmp_path: Path, ports: tuple[int, int]
) -> None:
    data, (port, dashboard_port) = tmp_path / "data", ports
    run = start("up", "--data", data, "--port", port, "--dashboard-port", dashboard_port, **QUICK)
    run.wait_for("Ctrl-C ends it.", 90)
    keys = keys_in(run.said)
    assert httpx.get(f"http://127.0.0.1:{dashboard_port}/", trust_env=False).status_code == 200

    def kedge(*arguments: str) -> tuple[int, Any]:
        done = subprocess.run(
            [*KEDGE, *arguments, "--json"], env={"KEDGE_DATA_DIR": str(data)}, capture_output=True, check=False
        )
        assert done.stderr == b""
        return done.returncode, json.loads(done.stdout)

    with client(port, keys["ingest"]) as sender, client(port, keys["admin"]) as api:

        def model() -> dict[str, Any] | None:
            answer = api.get(f"/v1/models/{MODEL}")
            return answer.json() if answer.status_code == 200 else None

        first = {"model": MODEL, "version": "1", "features": {"age": 41.0, "plan": "a"}, "prediction": 1, "score": 0.8}
        assert sender.post("/v1/predictions", json=first).status_code == 202
        wait_until(model, "the model")
        status, rows = kedge("model", "list")
        assert (status, [row["name"] for row in rows]) == (0, [MODEL])
        assert kedge("baseline", "list", "--model", MODEL) == (0, [])

        random, hours = Random(7), BASELINE_HOURS + USUAL_HOURS + DRIFTED_HOURS
        begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - (hours + 1) * HOUR
        for hour in range(BASELINE_HOURS):
            body = an_hour(random, begin + hour * HOUR, drifted=False)
            assert sender.post("/v1/predictions", json=body).json()["accepted"] == ROWS
        told = wait_until(lambda: (told := model()) and told["baselines"] and told, "the baseline")
        assert told["baselines"][0]["name"] == "first predictions"
        assert told["baselines"][0]["rows"] == BASELINE_HOURS * ROWS
        assert told["task"] == "binary"

        for hour in range(BASELINE_HOURS, hours):
            drifted = hour >= BASELINE_HOURS + USUAL_HOURS
            assert sender.post("/v1/predictions", json=an_hour(random, begin + hour * HOUR, drifted)).is_success
        incident = wait_until(lambda: api.get("/v1/incidents").json(), "the incident")[0]
        assert (incident["model"], incident["metric"], incident["state"]) == (MODEL, "drift", "open")
        # it began with the first drifted hour, not when it was noticed
        assert datetime.fromisoformat(incident["since"]) == begin + (BASELINE_HOURS + USUAL_HOURS) * HOUR
        (evidence,) = api.get(f"/v1/incidents/{incident['id']}").json()["evidence"]["columns"]
        assert evidence["name"] == "age"
        monitors = {row["name"]: row["latest"] for row in api.get(f"/v1/monitors/{MODEL}").json()}
        assert {"error_rate", "latency_p95", "silence", "feature_drift", "prediction_drift"} <= monitors.keys()
        assert monitors["prediction_drift"]["verdict"] == monitors["error_rate"]["verdict"] == "ok"

        status, rows = kedge("incident", "list")
        assert (status, [(row["id"], row["metric"]) for row in rows]) == (1, [(incident["id"], "drift")])
        answer = api.post(f"/v1/incidents/{incident['id']}/acknowledge", json={"by": "mira"})
        assert answer.json()["row"]["acknowledged_by"] == "mira"
        assert sender.get("/v1/incidents").status_code == 403
        assert kedge("model", "show", MODEL)[0] == 1

    assert run.end(signal.SIGINT) == 0
    assert "Traceback" not in run.said
    assert run.processes() == []
