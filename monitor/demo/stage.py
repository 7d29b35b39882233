"""The demo's stage: its folder, its settings, its models, and the processes on it."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from monitor.app.processes import SAFE_PATH, end_with_parent, free_port
from monitor.errors import ConfigError, Unavailable

MARK = ".kedge-demo"
REPLAY_START = datetime(2013, 4, 1, tzinfo=UTC)
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0

_SETTINGS = """\
# Written by `kedge demo`. The same file would configure your own Kedge.
public_url = "{dashboard}"

[monitoring]
window = "1d"
smallest_drift = 0.2

[collector]
flush_seconds = 0.3

[jobs]
tick_seconds = 0.3
settle_seconds = 3600
reopen_seconds = 0

[outgoing]
allow_loopback = true

[channels.slack]
kind = "slack"
url = "{receiver}/slack"

[channels.oncall]
kind = "webhook"
url = "{receiver}/webhook"
secret = "env:KEDGE_HOOK_SECRET"

[responses.rollback]
kind = "rollback"
url = "{endpoint}/hooks/kedge"
secret = "env:KEDGE_HOOK_SECRET"

[responses.retrain]
kind = "retrain"
url = "{endpoint}/hooks/kedge"
secret = "env:KEDGE_HOOK_SECRET"
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything is. `shift` moves 2013 to now, by whole days, so that every run sees the same windows."""

    folder: Path
    port: int
    dashboard_port: int
    endpoint_port: int
    hook_secret: str
    shift: timedelta

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def config(self) -> Path:
        return self.folder / "kedge.toml"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.endpoint_port}"

    @property
    def collector(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.dashboard_port}"

    def environment(self) -> dict[str, str]:
        """What every process of the demo is told by its environment."""
        return {
            "KEDGE_CONFIG": str(self.config),
            "KEDGE_HOOK_SECRET": self.hook_secret,
            "KEDGE_DEMO_SHIFT_SECONDS": str(self.shift.total_seconds()),
            "DO_NOT_TRACK": "1",
        }


def set_stage(folder: Path, port: int | None, dashboard_port: int | None, end: datetime, now: datetime) -> Stage:
    """An empty folder with fresh secrets and ports. Raises ConfigError rather than empty somebody else's folder."""
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise ConfigError(f"{str(folder)!r} is not empty and no earlier demo made it; choose another with --data")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("made by kedge demo, and emptied by the next one\n")
    shift = timedelta(days=(now - end) // timedelta(days=1))
    secret = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    return Stage(folder, port or free_port(), dashboard_port or free_port(), free_port(), secret, shift)


def write_settings(stage: Stage, receiver_url: str) -> None:
    stage.config.write_text(_SETTINGS.format(receiver=receiver_url, endpoint=stage.endpoint, dashboard=stage.dashboard))


class Helper:
    """A process of the demo that Kedge doesn't run; it writes to NAME.log and ends when the demo does."""

    def __init__(self, stage: Stage, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.log = stage.folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"monitor.demo.{name}", "--models", str(stage.models), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **SAFE_PATH, **stage.environment(), **environment},
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def failed(self, what: str) -> Unavailable:
        """What to raise: the log's last line is the reason."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return Unavailable(f"{what}: {lines[-1] if lines else 'it said nothing'} (all of it: {self.log})")

    def stop(self) -> None:
        """End it in its own time, so that it hands over what it holds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Training(Helper):
    """Versions 1 and 2, and version 1's baseline; in a process of its own, so that its memory is given back."""

    def __init__(self, stage: Stage, iterations: int) -> None:
        super().__init__(stage, "training", ["--iterations", str(iterations)], {})

    def wait(self) -> None:
        if self.process.wait() != 0:
            raise self.failed("training the demo's model failed")


class Endpoint(Helper):
    """The model's serving process."""

    def __init__(self, stage: Stage, api_key: str, iterations: int) -> None:
        self._url = f"{stage.endpoint}/healthz"
        arguments = ["--port", str(stage.endpoint_port), "--collector", stage.collector]
        arguments += ["--iterations", str(iterations)]
        super().__init__(stage, "endpoint", arguments, {"KEDGE_API_KEY": api_key})

    def wait_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(self._url, timeout=2, trust_env=False).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise self.failed("the demo's endpoint did not start")
