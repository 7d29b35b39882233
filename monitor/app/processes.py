"""`kedge up`: collector, worker and dashboard as three processes, started in order and restarted when they die."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from monitor.errors import Unavailable

# `python -m` looks for modules in the working directory first: a user's own folder named `monitor` would be run.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}

_LONGEST_PAUSE = 30.0
# A child that ran this long was well: its next end is a new trouble, not the old one again.
_STEADY_SECONDS = 60.0
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


@dataclass(slots=True)
class Child:
    """One process: its `kedge` command, and the address that answers once it is ready (None: ready at once).

    `module` is run instead of the command line where that would load more than the process needs.
    """

    name: str
    arguments: Sequence[str]
    ready_url: str | None = None
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    restart_at: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)
    module: str = "monitor.cli.main"


class Supervisor:
    """Starts children, restarts those that die (pausing longer each time), and stops them in reverse order.

    Each writes to `logs/NAME.log`. Children are told to end when this process dies, however it dies (on Linux).
    """

    def __init__(
        self, children: Sequence[Child], logs: Path, say: Callable[[str], None], stop_seconds: float | None = None
    ) -> None:
        self.children = list(children)
        self._logs = logs
        self._say = say
        self._stop_seconds = _STOP_SECONDS if stop_seconds is None else stop_seconds

    def start(self, stop: threading.Event | None = None) -> None:
        """Start every child and wait until it answers, or until `stop` is set.

        Raises Unavailable, with the log's end, when a child does not answer.
        """
        stop = stop or threading.Event()
        self._logs.mkdir(parents=True, exist_ok=True)
        for child in self.children:
            if not stop.is_set():
                self._spawn(child)
                self._wait_ready(child, stop)

    def watch(self, stop: threading.Event) -> None:
        """Restart whatever dies until `stop` is set."""
        while not stop.wait(0.5):
            for child in self.children:
                self._revive(child)

    def stop(self) -> None:
        """Ask each child to end, the last started first; kill what does not end in time."""
        for child in reversed(self.children):
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._stop_seconds
        for child in reversed(self.children):
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()

    def _spawn(self, child: Child) -> None:
        child.started_at = time.monotonic()
        with (self._logs / f"{child.name}.log").open("ab") as log:
            child.process = subprocess.Popen(
                [sys.executable, "-m", child.module, *child.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **SAFE_PATH, **child.environment},
                start_new_session=True,
                preexec_fn=end_with_parent,
            )

    def _wait_ready(self, child: Child, stop: threading.Event) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while child.ready_url is not None and not stop.is_set():
            assert child.process is not None
            if child.process.poll() is not None:
                raise Unavailable(f"{child.name} ended while it started:\n{self._tail(child)}")
            try:
                if httpx.get(child.ready_url, timeout=2, trust_env=False).status_code < 500:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                raise Unavailable(f"{child.name} did not answer within {_START_SECONDS:.0f} s:\n{self._tail(child)}")
            stop.wait(0.05)

    def _revive(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None:
            return
        if child.restart_at == 0.0:
            if time.monotonic() - child.started_at > _STEADY_SECONDS:
                child.failures = 0
            pause = min(2.0**child.failures, _LONGEST_PAUSE)
            child.failures += 1
            child.restart_at = time.monotonic() + pause
            ended = f"{child.name} ended with status {child.process.returncode}; starting it again in {pause:.0f} s"
            self._say("\n".join([ended, *filter(None, [self._tail(child, lines=3)])]))
        elif time.monotonic() >= child.restart_at:
            child.restart_at = 0.0
            self._spawn(child)

    def _tail(self, child: Child, lines: int = 15) -> str:
        written = (self._logs / f"{child.name}.log").read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in written[-lines:])


def check_port(host: str, port: int, what: str, setting: str) -> None:
    """Raise Unavailable, saying how to choose another, when the port is taken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(
                f"{what} can't listen on {host}:{port} ({error.strerror}); choose another with {setting}"
            ) from None


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, so that a killed `kedge up` leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
