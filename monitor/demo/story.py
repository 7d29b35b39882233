"""The demo from curtain to curtain: a healthy model, a faulty version, a rollback, a season, a retraining."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from monitor.app.control import clock
from monitor.app.files import baseline_from_file
from monitor.app.first_run import FirstKeys, make_first_keys
from monitor.app.processes import Supervisor
from monitor.app.stores import open_stores
from monitor.config import Settings, load_settings
from monitor.demo.endpoint import MODEL
from monitor.demo.flights import Departures, between, departures, load_flights
from monitor.demo.observe import Observer
from monitor.demo.receiver import Receiver
from monitor.demo.replay import Counts, Lag, Replay
from monitor.demo.stage import REPLAY_START, Endpoint, Stage, Training, set_stage, write_settings
from monitor.demo.summary import Summary, missing, summarise
from monitor.demo.training import ITERATIONS, baseline_path
from monitor.errors import Unavailable
from monitor.jobs import Stores

DAYS = 61
FAULTY_FROM = timedelta(days=5)
"""Into five calm days of spring: the fault shows on the third day, and weeks before the season does."""
_SETTLE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. `days` of flights are replayed, from 1 April 2013 on."""

    folder: Path
    port: int | None = None
    dashboard_port: int | None = None
    days: int = DAYS
    iterations: int = ITERATIONS


class Story:
    """One run. `say` prints a line of the timeline; `progress` hears of (flights sent, flights in all, the date)."""

    def __init__(
        self,
        options: Options,
        supervise: Callable[[Settings], Supervisor],
        say: Callable[[str], None],
        progress: Callable[[int, int, datetime], None],
    ) -> None:
        self._options = options
        self._supervise = supervise
        self._say = say
        self._progress = progress
        self._closing = ExitStack()
        self._supervisor: Supervisor | None = None

    def stay(self, stop: threading.Event) -> None:
        """Keep Kedge running until `stop` is set, and restart what dies."""
        if self._supervisor is not None:
            self._supervisor.watch(stop)

    def close(self) -> None:
        """End every process and server of the demo."""
        self._closing.close()

    def play(self, set_environment: Callable[[dict[str, str]], None]) -> Summary:
        """Everything but the waiting for Ctrl-C at the end. Raises Unavailable when something does not start."""
        started = time.monotonic()
        options = self._options
        end = REPLAY_START + timedelta(days=options.days)
        stage = set_stage(options.folder, options.port, options.dashboard_port, end, clock())
        set_environment(stage.environment())
        self._say("training version 1 on three of every four weeks of January to March 2013")
        training = Training(stage, options.iterations)
        self._closing.callback(training.stop)
        receiver = self._closing.enter_context(Receiver(stage.hook_secret))
        write_settings(stage, receiver.url)
        settings = load_settings(data_dir=stage.folder, port=stage.port, dashboard_port=stage.dashboard_port)
        stores, keys = self._start_kedge(settings)
        flights = between(load_flights(), REPLAY_START, end)
        training.wait()
        self._freeze_baseline(stores, stage, "1")
        endpoint = Endpoint(stage, keys.ingest, options.iterations)
        self._closing.callback(endpoint.stop)
        endpoint.wait_ready()
        api = self._client(stage.collector, keys.admin)
        serving = self._client(stage.endpoint)
        observer = Observer(
            api, self._client(stage.endpoint), receiver, self._say, lambda v: self._on_version(stores, stage, v)
        )
        observer.look()
        observer.start()
        self._closing.callback(observer.close)
        replay = Replay(
            serving,
            self._client(stage.collector, keys.ingest),
            stage.shift,
            lambda: _lag(api),
            lambda: observer.seen.retraining,
        )
        self._replay(replay, flights, serving, stage)
        self._wait_until_told(replay, observer, api, receiver)
        observer.stop()
        return summarise(
            observer.seen,
            _status(api),
            receiver.messages,
            (replay.counts.predictions, replay.counts.labels),
            started,
            time.monotonic(),
        )

    def _start_kedge(self, settings: Settings) -> tuple[Stores, FirstKeys]:
        stores = open_stores(settings)
        self._closing.callback(stores.db.close)
        keys = make_first_keys(stores.db, clock())
        assert keys is not None, "the control database of a new stage is empty"
        self._supervisor = self._supervise(settings)
        self._closing.callback(self._supervisor.stop)
        self._supervisor.start()
        self._say(f"the dashboard is at [bold]{settings.public_url}[/bold]")
        return stores, keys

    def _client(self, url: str, key: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self._closing.enter_context(httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False))

    def _freeze_baseline(self, stores: Stores, stage: Stage, version: str) -> None:
        path = baseline_path(stage.models, version)
        if not path.exists():
            raise Unavailable(f"the demo's model was not trained: {path.name} is missing")
        made, _ = baseline_from_file(stores, MODEL, f"held-out weeks of version {version}", path, "auto", clock())
        self._say(f"baseline: {made.rows} flights that version {version} was not trained on")

    def _on_version(self, stores: Stores, stage: Stage, version: str) -> None:
        if version not in ("1", "2"):  # a retrained version brings a baseline of its own
            self._freeze_baseline(stores, stage, version)

    def _replay(self, replay: Replay, flights: Any, serving: httpx.Client, stage: Stage) -> None:
        total = len(flights)
        faulty_from = REPLAY_START + FAULTY_FROM
        self._say(f"replaying {total:,} flights, moved by {stage.shift.days} days so that they end now")
        deployed = False

        def after(request: Departures, counts: Counts) -> None:
            nonlocal deployed
            if not deployed and request.moment >= faulty_from:
                deployed = True
                serving.post("/deployments", json={"version": "2"}).raise_for_status()
            self._progress(counts.predictions, total, request.moment + stage.shift)

        replay.run(departures(flights), after)

    def _wait_until_told(self, replay: Replay, observer: Observer, api: httpx.Client, receiver: Receiver) -> None:
        """The replay is over; wait until everything it caused has been stored, evaluated and told, or time is up."""
        replay.finish(clock())
        give_up = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < give_up:
            status = _status(api)
            sent = (replay.counts.predictions, replay.counts.labels)
            quiet = status["windows_waiting"] <= 1 and not status["notifications"].get("pending")
            if (
                quiet
                and status["labels_stored"] == sent[1]
                and not missing(observer.seen, status, receiver.messages, sent)
            ):
                return
            time.sleep(0.1)


def _status(api: httpx.Client) -> dict[str, Any]:
    status: dict[str, Any] = api.get("/v1/status").raise_for_status().json()
    return status


def _lag(api: httpx.Client) -> Lag:
    status = _status(api)
    runs, messages = status["responses"], status["notifications"]
    alerts = status["changes_waiting"] + messages.get("pending", 0) + runs.get("pending", 0) + runs.get("running", 0)
    return Lag(status["windows_waiting"], alerts, status["predictions_stored"])
