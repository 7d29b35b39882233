"""BentoML, which logs its predictions by itself: in files that a source reads, or over OTLP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from monitor.app.processes import free_port
from tests.e2e.conftest import wait_until

from .conftest import HERE, Call, Site, now, serving, table_of, train

pytestmark = [pytest.mark.servers, pytest.mark.e2e]

COLUMNS = ("radius", "texture", "perimeter", "area")
SIZES = ((6, 28), (9, 39), (43, 188), (143, 2501))
GOOD = 200
# The server's clock shows another time than UTC: its lines have no zone, so the mapping tells it.
ZONE, IN_ZONE = "Asia/Kolkata", "IST-5:30"
SETTINGS = """
[collector.sources.tumours]
kind = "files"
path = "bentoml/monitoring"
format = "bentoml"
version = "7"
poll_seconds = 0.2

[collector.mappings.""]
time_zone = "Asia/Kolkata"
"""


@contextmanager
def bentoml(programs: Path, folder: Path, monitor: dict[str, Any], **environment: str) -> Iterator[str]:
    """The address of a BentoML service with this monitor."""
    folder.mkdir()
    train(programs, "train_tumours.py", folder / "tumours.joblib")
    port = free_port()
    command = [programs / "bentoml", "serve", "service:Tumours", "--host", "127.0.0.1", "--port", port]
    environment |= {"MODEL": str(folder / "tumours.joblib"), "MONITOR": json.dumps(monitor), "TZ": IN_ZONE}
    environment |= {"BENTOML_HOME": str(folder / "home"), "BENTOML_DO_NOT_TRACK": "True"}
    url = f"http://127.0.0.1:{port}"
    command += ["--working-dir", HERE / "served"]
    with serving(command, folder, f"{url}/readyz", **environment):
        yield url


def traffic(url: str) -> list[Call]:
    """Requests of one to three rows; bad ones between them, of which BentoML logs nothing."""
    random, calls = Random(5), list[Call]()
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as http:
        for number in range(GOOD):
            rows = [[round(random.uniform(*size), 2) for size in SIZES] for _ in range(random.choice((1, 1, 1, 3)))]
            answer = http.post("/classify", json={"rows": rows})
            assert answer.status_code == 200, answer.text
            name = str(int(answer.headers["x-bentoml-request-id"], 16))
            for n, (row, predicted) in enumerate(zip(rows, answer.json(), strict=True)):
                features = dict(zip(COLUMNS, row, strict=True))
                calls.append(Call(f"{name}/{n}" if n else name, features, 200, 0, predicted))
            if number % 20 == 0:
                assert http.post("/classify", json={"rows": [["wide", 1, 2, 3]]}).status_code >= 400
                assert http.post("/classify", json={"rows": [[1.0]]}).status_code == 500
    return calls


def check(site: Site, calls: list[Call], begun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the client saw is what is stored, counted, labelled and shown."""
    model = site.wait_for_predictions("tumours", len(calls))
    stored = site.stored("tumours")
    assert stored.keys() == {call.id for call in calls}
    for call in calls:
        row = stored[call.id]
        assert row["features"] == call.features
        assert row["prediction"] == call.prediction
        assert (row["score"] > 0.5) is (call.prediction == "benign")
        assert (row["version"], row["error"], row["latency_ms"]) == ("7", None, None)
        assert begun <= row["event_time"] <= now()
        tags = dict(row["tags"])
        assert tags["request_id_hex"] == f"{int(call.id.partition('/')[0]):016x}"

    assert model["predictions"] == len(calls)
    assert [(version["name"], version["predictions"]) for version in model["versions"]] == [("7", len(calls))]
    assert model["features"] == [[name, "numeric"] for name in COLUMNS]
    assert site.evaluated("tumours", "error_rate") == 0
    assert site.points("tumours", "latency_p95") == []

    wrong = {call.id for call in calls[::4]}
    other = {"benign": "malignant", "malignant": "benign"}
    site.send_labels("tumours", {c.id: other[c.prediction] if c.id in wrong else c.prediction for c in calls})
    wait_until(lambda: site.evaluated("tumours", "labels") == len(calls), "the labels to be joined")
    right = sum(point["value"] * point["n"] for point in site.points("tumours", "accuracy"))
    assert right == pytest.approx(len(calls) - len(wrong))

    page = site.open_model_page("tumours", monkeypatch)
    assert not page.exception
    assert [(row["Version"], row["Predictions"]) for row in table_of(page, "First served")] == [("7", len(calls))]


def test_the_files_of_its_monitor_are_on_the_models_page(
    programs: dict[str, Path], new_site: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, begun = new_site(SETTINGS), now()
    to_files = {"type": "default", "options": {"log_path": str(tmp_path / "bentoml" / "monitoring")}}
    with bentoml(programs["bentoml"], tmp_path / "bentoml", to_files) as url:
        calls = traffic(url)
    check(site, calls, begun, monkeypatch)


def test_its_otlp_exporter_is_on_the_models_page(
    programs: dict[str, Path], new_site: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, begun = new_site(), now()
    monitor = {"type": "otlp", "options": {"endpoint": f"{site.url}/v1/logs?version=7", "protocol": "http"}}
    # BentoML's own option `headers` can't be used over HTTP: it passes a text where the exporter wants a dict.
    exporting = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{site.keys['ingest']}"}
    exporting["OTEL_BLRP_SCHEDULE_DELAY"] = "200"
    with bentoml(programs["bentoml"], tmp_path / "bentoml", monitor, **exporting) as url:
        calls = traffic(url)
        wait_until(lambda: site.model("tumours")["predictions"] >= len(calls), "the exporter to send what it has")
    check(site, calls, begun, monkeypatch)
