"""Whole Kedge processes: started in a session of their own, found again by a mark in their environment, and ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from monitor.app.processes import free_port

_MARK = "RUN_OF_A_TEST"
KEDGE = (sys.executable, "-P", "-m", "monitor.cli.main")


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60, pause: float = 0.05) -> Any:
    """What the condition returned when it was true at last; fails, saying `what`, when time is up."""
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up, f"{what}: not within {seconds:.0f} s"
        time.sleep(pause)
    return found


class Run:
    """One `kedge` command and every process that comes of it."""

    def __init__(self, folder: Path, *arguments: object, **environment: object) -> None:
        self.mark = uuid.uuid4().hex
        self._said = folder / f"{self.mark}.out"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KEDGE_")}
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [*KEDGE, *map(str, arguments)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**inherited, "COLUMNS": "200", **{k: str(v) for k, v in environment.items()}, _MARK: self.mark},
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until the command has printed this. Fails at once when it ends without having done so."""
        wait_until(lambda: text in self.said or self.process.poll() is not None, f"{text!r} in {self.said}", seconds)
        assert text in self.said, f"ended with status {self.process.returncode}: {self.said}"

    def processes(self) -> list[psutil.Process]:
        """Every process of this run that is alive, whoever its parent is by now."""
        return [each for each in psutil.process_iter() if self._is_ours(each)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            ours: bool = process.environ().get(_MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
            return ours
        except psutil.Error:
            return False

    def end(self, number: int, seconds: float = 20) -> int:
        """Send the command a signal and return its status; fails when it doesn't end in time."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill(self) -> int:
        """kill -9 of all processes; returns how many there were."""
        found = self.processes()
        for each in found:
            try:
                each.kill()
            except psutil.NoSuchProcess:
                pass
        self.process.wait(20)
        wait_until(lambda: not self.processes(), "the end of all processes", 20)
        return len(found)


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `kedge` with these arguments and environment variables; nothing of it outlives the test."""
    runs: list[Run] = []

    def run(*arguments: object, **environment: object) -> Run:
        runs.append(Run(tmp_path, *arguments, **environment))
        return runs[-1]

    yield run
    for each in runs:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGTERM)
        each.kill()


@pytest.fixture
def ports() -> tuple[int, int]:
    """Two ports that are free."""
    first = second = free_port()
    while second == first:
        second = free_port()
    return first, second


def keys_in(said: str) -> Mapping[str, str]:
    """The keys a first start prints, by role."""
    return {match[1]: match[0] for match in re.finditer(r"kedge_(ingest|admin)_[\w-]+", said)}


def client(port: int, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20, trust_env=False)
