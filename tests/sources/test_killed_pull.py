"""`kedge pull`, killed at any moment while a log grows and rotates: every line is stored once.

The lines have no ids, so nothing but the checkpoint keeps a line from being stored twice.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from deltalake import DeltaTable

from monitor.lake import Kind, Lake

COMMAND = [sys.executable, "-m", "monitor.cli.main", "pull"]
REPOSITORY = Path(__file__).parents[2]


class Endpoint:
    """Writes numbered lines, in halves, and rotates its log: by renaming it, or by copying and truncating it."""

    def __init__(self, log: Path, seed: int) -> None:
        self.log, self.written, self._random = log, 0, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        rotation = 0
        while not self._stop.wait(0.002):
            for _ in range(self._random.randint(1, 40)):
                line = json.dumps({"model": "m", "features": {"n": self.written}, "prediction": 1}) + "\n"
                middle = self._random.randint(0, len(line))
                for part in (line[:middle], line[middle:]):
                    with self.log.open("a") as file:
                        file.write(part)
                self.written += 1
            if self._random.random() < 0.02:
                rotation += 1
                self.log.rename(self.log.with_name(f"app.jsonl.{rotation}"))

    def stop(self) -> int:
        self._stop.set()
        self._thread.join()
        return self.written


@pytest.mark.e2e
def test_killed_at_random_moments_every_line_is_stored_once(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "app.jsonl"
    log.parent.mkdir()
    settings = tmp_path / "kedge.toml"
    settings.write_text(
        f'[collector.sources.app]\nkind = "files"\npath = "{log}"\nformat = "json"\npoll_seconds = 0.05\n'
    )
    environment = {**os.environ, "KEDGE_CONFIG": str(settings), "KEDGE_DATA_DIR": str(tmp_path / "data")}
    environment["PYTHONPATH"] = str(REPOSITORY)
    moments = random.Random(20260304)
    log.touch()
    # What was rotated away before the first look of all is history that nobody asked for.
    subprocess.run([*COMMAND, "--once"], env=environment, capture_output=True, check=True)
    endpoint = Endpoint(log, 7)
    try:
        for _ in range(4):
            with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.DEVNULL) as process:
                _wait_for_records(tmp_path / "data", process)
                time.sleep(moments.uniform(0.0, 0.7))
                process.send_signal(signal.SIGKILL)
    finally:
        written = endpoint.stop()
    done = subprocess.run([*COMMAND, "--once", "--json"], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0]["failure"] == ""
    table = DeltaTable(Lake(str(tmp_path / "data" / "lake")).uri("m", Kind.PREDICTIONS)).to_pyarrow_table()
    (column,) = [name for name in table.column_names if name.removeprefix("f_").removeprefix("feature_") == "n"]
    stored = Counter(int(number) for number in table.column(column).to_pylist())
    assert set(stored.values()) == {1}
    assert sorted(stored) == list(range(written))
    assert written > 1000


def _wait_for_records(data: Path, process: subprocess.Popen[bytes]) -> None:
    """Until this process has read something: the checkpoint is another than before."""
    inbox = data / "inbox.sqlite-wal"
    before = inbox.stat().st_mtime_ns if inbox.exists() else None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if inbox.exists() and inbox.stat().st_size and inbox.stat().st_mtime_ns != before:
            return
        time.sleep(0.01)
    raise AssertionError(f"`kedge pull` read nothing (status {process.poll()})")
