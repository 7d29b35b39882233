"""MLServer, which writes nothing of what it predicts: `kedge proxy` in front of it does."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from monitor.app.processes import free_port
from tests.e2e.conftest import Start, wait_until

from .conftest import Call, Site, now, serving, table_of, train

pytestmark = [pytest.mark.servers, pytest.mark.e2e]

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SIZES = ((4.3, 7.9), (2.0, 4.4), (1.0, 6.9), (0.1, 2.5))
GOOD, PATH = 200, "/v2/models/iris/infer"
UNVERSIONED = "unversioned"  # MLServer names no version when it fails


@pytest.fixture
def mlserver(programs: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    """The address of an MLServer with one model in version v3."""
    folder = tmp_path / "mlserver"
    folder.mkdir()
    train(programs["mlserver"], "train_iris.py", folder / "iris.joblib")
    model = {"uri": "./iris.joblib", "version": "v3", "content_type": "pd"}
    implementation = "mlserver_sklearn.SKLearnModel"
    settings = {"name": "iris", "implementation": implementation, "parameters": model}
    (folder / "model-settings.json").write_text(json.dumps(settings))
    taken = {name: free_port() for name in ("http_port", "grpc_port", "metrics_port")}
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 0, **taken}))
    url = f"http://127.0.0.1:{taken['http_port']}"
    with serving([programs["mlserver"] / "mlserver", "start", "."], folder, f"{url}/v2/models/iris/ready"):
        yield url


def body_of(rows: list[tuple[float, ...]], columns: tuple[str, ...] = COLUMNS, **more: Any) -> dict[str, Any]:
    """An Open Inference request with one tensor per column."""
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [len(rows), 1], "data": [row[place] for row in rows]}
        for place, name in enumerate(columns)
    ]
    return {"inputs": inputs, **more}


def ask(http: httpx.Client, content: bytes, rows: list[tuple[float, ...]]) -> list[Call]:
    """One request through the proxy, as a Call per row of it."""
    begun = time.perf_counter()
    answer = http.post(PATH, content=content, headers={"Content-Type": "application/json"})
    took = 1000 * (time.perf_counter() - begun)
    name, is_good = answer.headers["X-Kedge-Id"], answer.status_code == 200
    predicted = answer.json()["outputs"][0]["data"] if is_good else [None] * len(rows)
    return [
        Call(f"{name}/{n}" if n else name, dict(zip(COLUMNS, row, strict=False)), answer.status_code, took, prediction)
        for n, (row, prediction) in enumerate(zip(rows, predicted, strict=True))
    ]


def traffic(http: httpx.Client) -> list[Call]:
    """Requests of one to three rows, every other one with an id of its own; and bad ones between them."""
    random, calls = Random(3), list[Call]()
    for number in range(GOOD):
        rows = [tuple(round(random.uniform(*size), 2) for size in SIZES) for _ in range(random.choice((1, 1, 1, 3)))]
        named = {"id": f"flower-{number}"} if number % 2 else {}
        calls += (asked := ask(http, json.dumps(body_of(rows, **named)).encode(), rows))
        assert asked[0].status == 200
        assert not named or asked[0].id == named["id"]
        if number % 20 == 0:  # two columns are missing
            bad = [rows[0][:2]]
            calls += ask(http, json.dumps(body_of(bad, COLUMNS[:2], id=f"short-{number}")).encode(), bad)
        if number % 40 == 0:
            calls += ask(http, b'{"inputs": [{"na', [()])
    return calls


def test_what_goes_through_the_proxy_is_on_the_models_page(
    mlserver: str, new_site: Callable[..., Site], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, begun = new_site(), now()
    proxy = start(
        "proxy", "--target", mlserver, "--model", "iris", "--listen", "127.0.0.1:0", "--collector", site.url,
        "--id-header", "X-Kedge-Id", KEDGE_API_KEY=site.keys["ingest"],
    )  # fmt: skip
    proxy.wait_for("now forwards to")
    with httpx.Client(base_url=proxy.said.split()[0], timeout=20, trust_env=False) as http:
        assert http.get("/v2/models/iris").json()["versions"] == []  # forwarded, and no prediction
        calls = traffic(http)
    model = site.wait_for_predictions("iris", len(calls))

    stored = site.stored("iris")
    assert stored.keys() == {call.id for call in calls}
    for call in calls:
        row = stored[call.id]
        assert row["features"] == call.features
        assert row["prediction_value"] == call.prediction
        assert row["status_code"] == call.status
        assert bool(row["error"]) is (call.status != 200), row
        assert 0 < row["latency_ms"] <= call.milliseconds
        assert row["version"] == ("v3" if call.status == 200 else UNVERSIONED)
        assert begun <= row["event_time"] <= now()
    failed = [call for call in calls if call.status != 200]
    assert {call.status for call in failed} == {422, 500}

    assert model["predictions"] == len(calls)
    assert {version["name"]: version["predictions"] for version in model["versions"]} == {
        "v3": len(calls) - len(failed), UNVERSIONED: len(failed)
    }  # fmt: skip
    assert model["features"] == [[name, "numeric"] for name in COLUMNS]
    errors = sum(point["value"] * point["n"] for point in site.points("iris", "error_rate"))
    assert errors == pytest.approx(len(failed))
    slowest = max(call.milliseconds for call in calls)
    assert all(0 < point["value"] <= 1.02 * slowest for point in site.points("iris", "latency_p99"))

    answered = [call for call in calls if call.status == 200]
    site.send_labels("iris", {call.id: call.prediction for call in answered})
    wait_until(lambda: site.model("iris")["labels"] == len(answered), "the labels to be stored")
    wait_until(lambda: site.evaluated("iris", "labels") == len(answered), "the labels to be joined")
    assert {point["value"] for point in site.points("iris", "accuracy")} == {1.0}

    page = site.open_model_page("iris", monkeypatch)
    assert not page.exception
    shown = {row["Version"]: row["Predictions"] for row in table_of(page, "First served")}
    assert shown == {"v3": len(answered), UNVERSIONED: len(failed)}
    assert {metric.label for metric in page.metric} >= {"Accuracy", "Latency p95"}
    assert proxy.end(signal.SIGTERM) == 0
    assert f"{len(calls)} records stored, 0 wait in the spool, 0 dropped" in proxy.said
