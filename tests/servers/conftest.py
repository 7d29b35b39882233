"""A real Kedge beside real serving systems. `make test-servers` runs this; other runs of pytest skip it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import streamlit as st
from deltalake import DeltaTable
from streamlit.testing.v1 import AppTest

from dashboards.launch import APP
from monitor.app.stores import open_stores
from monitor.config import load_settings
from monitor.db.catalog import find_model, read_features
from monitor.lake import Kind
from tests.e2e.conftest import Run, client, keys_in, ports, start, wait_until

from .environments import environments

__all__ = ["ports", "start"]

HERE = Path(__file__).parent
WINDOW_SECONDS = 5
QUICK = {
    "KEDGE_MONITORING__WINDOW": f"{WINDOW_SECONDS}s",
    "KEDGE_MONITORING__BASELINE_ROWS": 100,
    "KEDGE_MONITORING__MIN_ROWS": 10,
    "KEDGE_COLLECTOR__FLUSH_SECONDS": 0.2,
    "KEDGE_JOBS__SETTLE_SECONDS": 1,
    "KEDGE_JOBS__REOPEN_SECONDS": 1,
    "KEDGE_JOBS__TICK_SECONDS": 0.3,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "servers" in config.option.markexpr:
        return
    skip = pytest.mark.skip(reason="installs serving systems with pip; run `make test-servers`")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(skip)


@dataclass(frozen=True)
class Call:
    """What a client of the endpoint saw of one prediction: `error` calls have no prediction."""

    id: str
    features: dict[str, float]
    status: int
    milliseconds: float
    prediction: Any = None


@dataclass
class Site:
    """A running `kedge up`, as its users reach it."""

    folder: Path
    run: Run
    port: int
    keys: dict[str, str]
    api: httpx.Client = field(init=False)
    sender: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.api, self.sender = client(self.port, self.keys["admin"]), client(self.port, self.keys["ingest"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def model(self, name: str) -> dict[str, Any]:
        answer = self.api.get(f"/v1/models/{name}")
        return answer.json() if answer.status_code == 200 else {"predictions": 0, "labels": 0}

    def wait_for_predictions(self, name: str, count: int) -> dict[str, Any]:
        """The model once it has so many; a moment later it must not have more."""
        wait_until(lambda: self.model(name)["predictions"] >= count, f"{count} predictions of {name}", 30)
        wait_until(lambda: self.evaluated(name, "predictions") >= count, "the windows to be evaluated", 60)
        return self.model(name)

    def evaluated(self, name: str, metric: str) -> float:
        """The sum of a metric over all windows that were evaluated."""
        return sum(point["value"] for point in self.points(name, metric))

    def points(self, name: str, metric: str) -> list[dict[str, Any]]:
        answer = self.api.get(f"/v1/metrics/{name}", params={"metric": metric})
        return [point for point in answer.json() if point["value"] is not None] if answer.status_code == 200 else []

    def send_labels(self, model: str, labels: dict[str, Any]) -> None:
        body = [{"model": model, "prediction_id": name, "label": label} for name, label in labels.items()]
        assert self.sender.post("/v1/labels", json=body).json()["accepted"] == len(labels)

    def stored(self, model: str) -> dict[str, dict[str, Any]]:
        """Every prediction of the model in the lake by its id, its features among `features`."""
        stores = open_stores(load_settings(data_dir=self.data))
        with stores.db.reading() as session:
            features = read_features(session, find_model(session, model).id)
        rows = DeltaTable(stores.lake.uri(model, Kind.PREDICTIONS)).to_pyarrow_table().to_pylist()
        stores.db.close()
        found = {}
        for row in rows:
            values = {name: row[feature.column] for name, feature in features.items()}
            found[row["prediction_id"]] = {**row, "features": {k: v for k, v in values.items() if v is not None}}
        assert len(found) == len(rows), "an id is stored twice"
        return found

    def open_model_page(self, model: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
        """The dashboard's page of the model, as of now."""
        monkeypatch.setenv("KEDGE_DATABASE_URL", f"sqlite:///{self.data / 'control.sqlite'}")
        for cache in (st.cache_data, st.cache_resource):
            cache.clear()
        option = st.get_option  # on this machine alone, where nobody has to sign in
        monkeypatch.setattr(st, "get_option", lambda key: "127.0.0.1" if key == "server.address" else option(key))
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.switch_page("app_pages/model.py")
        app.query_params["model"] = model
        return app.run()


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    """Where the programs of each serving system are."""
    return environments("mlserver", "bentoml")


@pytest.fixture
def new_site(start: Callable[..., Run], tmp_path: Path, ports: tuple[int, int]) -> Callable[[str], Site]:
    """Start `kedge up` with these settings."""

    def build(settings: str = "") -> Site:
        (tmp_path / "kedge.toml").write_text(settings)
        run = start("up", "--data", tmp_path / "data", "--port", ports[0], "--no-dashboard", **QUICK)
        run.wait_for("Ctrl-C ends it.", 90)
        return Site(tmp_path, run, ports[0], dict(keys_in(run.said)))

    return build


@contextmanager
def serving(command: list[object], folder: Path, ready: str, **environment: str) -> Iterator[None]:
    """A server while the block runs; afterwards its whole process group is killed: some leave workers behind."""
    said = folder / "server.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("KEDGE_", "PYTHON"))}
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*map(str, command)], cwd=folder, env={**inherited, **environment}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: _answers(ready) or process.poll() is not None, f"{ready} to answer", 60)
        assert process.poll() is None, said.read_text(errors="replace")[-3000:]
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def train(programs: Path, script: str, file: Path) -> None:
    done = subprocess.run([programs / "python", HERE / "served" / script, file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def table_of(app: AppTest, column: str) -> list[dict[str, Any]]:
    """The rows of the page's table that has this column."""
    (found,) = (each.value for each in app.dataframe if column in each.value.columns)
    rows: list[dict[str, Any]] = json.loads(found.to_json(orient="records"))
    return rows


def now() -> datetime:
    return datetime.now(UTC)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
