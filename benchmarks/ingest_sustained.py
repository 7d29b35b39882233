"""The collector as `kedge collect` runs it, under load for minutes: pace, backlog, memory, freshness."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.ingest_load import RECORDS, requests
from benchmarks.load import Outcome, drive
from collectors.inbox_reader import InboxReader
from monitor.app.processes import free_port

_MODEL = "income"


@dataclass(frozen=True, slots=True)
class Sustained:
    """Records per second that were acknowledged, and what had piled up at the end."""

    per_second: float
    backlog_seconds: float
    most_megabytes: float
    megabytes_by_minute: list[float]
    refused: int


@contextmanager
def collector(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """`kedge collect` on a new folder; gives its port and its process."""
    port = free_port()
    command = [sys.executable, "-m", "monitor.cli.main", "collect", "--data", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"DO_NOT_TRACK": "1"})
    try:
        _wait_until_it_answers(port, process)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the collector did not start")


def measure_sustained(records_per_second: float, seconds: float) -> Sustained:
    """Send batches at this pace, and see whether the collector and its flusher keep up."""
    with tempfile.TemporaryDirectory(prefix="kedge-bench-") as name, collector(Path(name)) as (port, process):
        stop = threading.Event()
        megabytes: list[float] = []

        def watch() -> None:
            while not stop.wait(1.0):
                megabytes.append(sum(_resident(each) for each in [process, *process.children(recursive=True)]))

        watcher = threading.Thread(target=watch)
        watcher.start()
        make = requests(port, RECORDS)
        outcome = drive(port, make, connections=4, seconds=seconds, per_second=records_per_second / RECORDS)
        backlog = _backlog(Path(name))
        stop.set()
        watcher.join()
    minutes = [max(megabytes[start : start + 60]) for start in range(0, len(megabytes), 60)]
    return Sustained(RECORDS * outcome.per_second, backlog, max(megabytes), minutes, outcome.refused)


def _backlog(folder: Path) -> float:
    with closing(InboxReader(folder / "inbox.sqlite")) as inbox:
        oldest = inbox.oldest()
    return (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def measure_freshness(records_per_second: float, seconds: float) -> float:
    """The 95th percentile of the seconds from sending a record until the model's count of predictions includes it."""
    with tempfile.TemporaryDirectory(prefix="kedge-bench-") as name, collector(Path(name)) as (port, _):
        stop = threading.Event()
        counted: list[tuple[float, int]] = []

        def watch() -> None:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
                while not stop.wait(0.1):
                    answer = http.get(f"/v1/models/{_MODEL}")
                    if answer.status_code == 200:
                        counted.append((time.perf_counter(), answer.json()["predictions"]))

        watcher = threading.Thread(target=watch)
        watcher.start()
        sent: list[float] = []
        make = requests(port, RECORDS)

        def next_request() -> bytes:
            sent.append(time.perf_counter())
            return make()

        outcome: Outcome = drive(
            port, next_request, connections=4, seconds=seconds, per_second=records_per_second / RECORDS
        )
        give_up = time.monotonic() + 30
        while (not counted or counted[-1][1] < RECORDS * outcome.answered) and time.monotonic() < give_up:
            time.sleep(0.1)
        stop.set()
        watcher.join()
    times, counts = np.array([at for at, _ in counted]), np.array([count for _, count in counted])
    waits = [
        float(times[np.argmax(counts >= RECORDS * (number + 1))]) - at if counts[-1] >= RECORDS * (number + 1) else 30.0
        for number, at in enumerate(sent)
    ]
    return float(np.quantile(waits, 0.95))
