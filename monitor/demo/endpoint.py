"""The demo's serving endpoint: an ordinary FastAPI service, with Kedge's middleware as the only change.

    python -m monitor.demo.endpoint --port 8700 --models DIR --collector http://127.0.0.1:8600

POST /predict        {"instances": [{flight}, …], "ids": [optional]} → {"predictions": [{"prediction", "score"}, …]}
GET  /versions       which versions there are, which one serves, and how a retraining goes
POST /deployments    {"version": "2"} makes that version the one that serves
POST /hooks/kedge    Kedge's signed responses: response.rollback and response.retrain
GET  /healthz

Environment: KEDGE_API_KEY (for the logs), KEDGE_HOOK_SECRET (whsec_…, for the hooks), and for replays
KEDGE_DEMO_SHIFT_SECONDS: how much later than in 2013 the x-event-time of the requests says it is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from collectors.client import KedgeMiddleware
from monitor.demo.flights import FEATURES
from monitor.demo.training import ITERATIONS, THRESHOLD, FlightModel, load_model, versions_in

MODEL = "flight-delays"
EVENT_TIME_HEADER = "x-event-time"
MOST_REMEMBERED_HOOKS = 1000


class Flights(BaseModel):
    """A request: what is known of each flight before it leaves."""

    instances: list[dict[str, Any]] = Field(min_length=1)
    ids: list[str] | None = None


class Deployment(BaseModel):
    version: str


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    models: Path
    collector_url: str
    api_key: str | None = None
    hook_secret: str | None = None
    shift: timedelta = timedelta(0)
    iterations: int = ITERATIONS


class Registry:
    """The versions in a folder, the one that serves, and the retraining that may be under way."""

    def __init__(self, folder: Path, iterations: int) -> None:
        self.models: dict[str, FlightModel] = {v: load_model(folder, v) for v in versions_in(folder)}
        if not self.models:
            raise SystemExit(
                f"no models in {folder}; make them with: python -m monitor.demo.training --models {folder}"
            )
        self.active = next(iter(self.models.values()))
        self.last_event_time: datetime | None = None
        self.retraining = "never"
        self._folder, self._iterations = folder, iterations
        self._task: asyncio.Task[None] | None = None

    def deploy(self, version: str) -> None:
        if version not in self.models:
            raise HTTPException(404, f"version {version!r} does not exist; there are {', '.join(self.models)}")
        self.active = self.models[version]

    def start_retraining(self, until: datetime) -> str:
        """Train the next version in a process of its own and deploy it; returns the version."""
        if self._task is not None and not self._task.done():
            raise HTTPException(409, "a retraining is under way")
        version = str(max(int(name) for name in self.models) + 1)
        self.retraining = f"version {version} running"
        self._task = asyncio.create_task(self._retrain(version, until))
        return version

    async def _retrain(self, version: str, until: datetime) -> None:
        command = [sys.executable, "-m", "monitor.demo.training", "--models", str(self._folder)]
        command += ["--version", version, "--until", until.isoformat(), "--iterations", str(self._iterations)]
        process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        try:
            _, complaint = await process.communicate()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        if process.returncode != 0:
            last_line = complaint.decode(errors="replace").strip().rpartition("\n")[2]
            self.retraining = f"version {version} failed: {last_line}"
            return
        self.models[version] = load_model(self._folder, version)
        self.deploy(version)
        self.retraining = f"version {version} done"

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class Hooks:
    """Kedge's responses: each is checked, done once, and only then remembered as done."""

    def __init__(self, secret: str | None, registry: Registry, shift: timedelta) -> None:
        self._webhook = Webhook(secret) if secret else None
        self._registry, self._shift = registry, shift
        self._done: OrderedDict[str, dict[str, str]] = OrderedDict()

    def take(self, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        message = self._verified(body, headers)
        message_id = headers["webhook-id"]
        if message_id not in self._done:
            self._done[message_id] = self._act(message)
            if len(self._done) > MOST_REMEMBERED_HOOKS:
                self._done.popitem(last=False)
        return self._done[message_id]

    def _verified(self, body: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
        if self._webhook is None:
            raise HTTPException(401, "KEDGE_HOOK_SECRET is not set, so no hook is accepted")
        try:
            message = self._webhook.verify(body, dict(headers))
        except (WebhookVerificationError, ValueError) as error:
            raise HTTPException(401, f"the signature is not valid: {error}") from None
        if not isinstance(message, dict) or not isinstance(message.get("data"), dict):
            raise HTTPException(422, "the hook has no data")
        return message

    def _act(self, message: Mapping[str, Any]) -> dict[str, str]:
        kind, plan = message.get("type"), message["data"]
        if plan.get("model") != MODEL:
            raise HTTPException(422, f"model {plan.get('model')!r} is not served here; accepted: {MODEL}")
        if kind == "response.rollback":
            version = str(plan.get("target_version"))
            self._registry.deploy(version)
            return {"deployed": version}
        if kind == "response.retrain":
            seen = self._registry.last_event_time or datetime.now(UTC)
            return {"training": self._registry.start_retraining(until=seen - self._shift)}
        raise HTTPException(422, f"type {kind!r} is not known; accepted: response.rollback, response.retrain")


def create_app(settings: EndpointSettings) -> FastAPI:
    """The service; everything it needs is in `settings`."""
    registry = Registry(settings.models, settings.iterations)
    hooks = Hooks(settings.hook_secret, registry, settings.shift)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await registry.stop()

    app = FastAPI(title="Flight delays", lifespan=lifespan)
    app.add_middleware(
        KedgeMiddleware,
        model=MODEL,
        collector_url=settings.collector_url,
        api_key=settings.api_key,
        spool_dir=settings.models / "spool",
        event_time_header=EVENT_TIME_HEADER,
    )

    @app.post("/predict")
    async def predict(flights: Flights, request: Request) -> dict[str, Any]:
        note_event_time(registry, request.headers.get(EVENT_TIME_HEADER))
        check_flights(flights.instances)
        model = registry.active
        scores = model.scores(flights.instances)
        answer: dict[str, Any] = {
            "predictions": [{"prediction": int(score >= THRESHOLD), "score": score} for score in scores],
            "model_version": model.version,
        }
        return answer if flights.ids is None else {**answer, "ids": flights.ids}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": registry.active.version}

    @app.get("/versions")
    async def versions() -> dict[str, Any]:
        notes = [{"version": model.version, "note": model.note} for model in registry.models.values()]
        return {"active": registry.active.version, "versions": notes, "retraining": registry.retraining}

    @app.post("/deployments")
    async def deploy(deployment: Deployment) -> dict[str, str]:
        registry.deploy(deployment.version)
        return {"deployed": deployment.version}

    @app.post("/hooks/kedge", status_code=202)
    async def hook(request: Request) -> dict[str, str]:
        return hooks.take(await request.body(), request.headers)

    return app


def check_flights(instances: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a request that can't be answered, naming the flight and what is wrong with it."""
    for row, flight in enumerate(instances):
        if flight.get("temp") is None:
            raise HTTPException(422, f"instance {row}: the weather at departure is missing (temp is null)")
        for name in FEATURES:
            value = flight.get(name)
            if name not in ("weekday", "carrier", "origin", "dest") and isinstance(value, str | list | dict):
                raise HTTPException(422, f"instance {row}: {name} is {value!r:.50}; a number or null is accepted")


def note_event_time(registry: Registry, header: str | None) -> None:
    """Remember how far the replay is, for retraining."""
    if header is None:
        return
    try:
        moment = datetime.fromisoformat(header)
    except ValueError:
        return
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    registry.last_event_time = max(moment, registry.last_event_time or moment)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m monitor.demo.endpoint")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--models", type=Path, required=True, help="folder of the versions")
    parser.add_argument("--collector", required=True, help="address of the Kedge collector")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="rounds of boosting when it retrains")
    options = parser.parse_args()
    # A request has some 16 rows: a second thread would only spin, and take its core from the collector.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import uvicorn

    settings = EndpointSettings(
        models=options.models,
        collector_url=options.collector,
        api_key=os.environ.get("KEDGE_API_KEY"),
        hook_secret=os.environ.get("KEDGE_HOOK_SECRET"),
        shift=timedelta(seconds=float(os.environ.get("KEDGE_DEMO_SHIFT_SECONDS", "0"))),
        iterations=options.iterations,
    )
    uvicorn.run(create_app(settings), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
