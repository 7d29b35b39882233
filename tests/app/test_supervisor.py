"""`kedge up`'s supervisor, over small commands that behave as badly as real ones can."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from monitor.app import processes
from monitor.app.processes import Child, Supervisor, check_port, free_port
from monitor.errors import Unavailable

# What stands in for `kedge`: `python -m monitor.cli.main SECONDS…` finds this package first, by PYTHONPATH.
FAKE = """
    import os, pathlib, signal, sys, time

    what, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    with (folder / what).open("a") as starts:
        print(os.getpid(), file=starts)
    if what == "dies":
        print("some words before")
        sys.exit("error: no such luck")
    if what == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / f"{what}.{os.getpid()}").touch()
    time.sleep(60)
"""


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A folder with a `monitor.cli.main` that sleeps, dies or won't end; it notes its starts in a file."""
    package = tmp_path / "fake" / "monitor" / "cli"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "main.py").write_text(textwrap.dedent(FAKE))
    return tmp_path


Start = Callable[..., Supervisor]


@pytest.fixture
def supervise(fake: Path) -> Iterator[tuple[Callable[..., Supervisor], list[str]]]:
    made: list[Supervisor] = []
    said: list[str] = []

    def build(*names: str, ready_url: str | None = None) -> Supervisor:
        environment = {"PYTHONPATH": str(fake / "fake")}
        children = [Child(name, [name, str(fake)], ready_url, environment=environment) for name in names]
        made.append(Supervisor(children, fake / "logs", said.append))
        return made[-1]

    yield build, said
    for supervisor in made:
        supervisor.stop()


def starts(fake: Path, name: str) -> list[int]:
    path = fake / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_up(fake: Path, name: str) -> bool:
    return any((fake / f"{name}.{number}").exists() for number in starts(fake, name))


def test_a_child_that_dies_is_started_again_and_it_is_said(fake: Path, supervise: tuple[Start, list[str]]) -> None:
    build, said = supervise
    supervisor = build("steady", "other")
    supervisor.start()
    wait_until(lambda: is_up(fake, "steady") and is_up(fake, "other"))
    stop = threading.Event()
    watching = threading.Thread(target=supervisor.watch, args=(stop,))
    watching.start()
    os.kill(starts(fake, "steady")[0], signal.SIGKILL)
    wait_until(lambda: len(starts(fake, "steady")) == 2)
    stop.set()
    watching.join(5)
    assert [text.splitlines()[0] for text in said] == ["steady ended with status -9; starting it again in 1 s"]
    assert len(starts(fake, "other")) == 1


def test_a_child_that_keeps_dying_is_started_more_and_more_slowly(
    fake: Path, supervise: tuple[Start, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    build, said = supervise
    supervisor = build("dies")
    now = 1000.0
    monkeypatch.setattr(processes.time, "monotonic", lambda: now)
    supervisor.start()
    (child,) = supervisor.children
    for pause in (1, 2, 4, 8, 16, 30, 30):
        assert child.process is not None
        child.process.wait()
        supervisor._revive(child)
        assert said[-1].startswith(f"dies ended with status 1; starting it again in {pause} s")
        now += pause - 0.1
        supervisor._revive(child)
        assert child.process.poll() is not None  # not yet
        now += 0.2
        supervisor._revive(child)
    child.process.wait()
    now += 61  # it ran for longer than a minute: its next end is a new trouble
    supervisor._revive(child)
    assert "in 1 s" in said[-1].splitlines()[0]


def test_a_child_that_ends_at_its_start_shows_the_end_of_its_log(supervise: tuple[Start, list[str]]) -> None:
    build, _ = supervise
    with pytest.raises(Unavailable) as caught:
        build("dies", ready_url=f"http://127.0.0.1:{free_port()}/").start()
    assert str(caught.value) == "dies ended while it started:\n  some words before\n  error: no such luck"


def test_a_child_that_never_answers_is_given_up(
    supervise: tuple[Start, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    build, _ = supervise
    monkeypatch.setattr(processes, "_START_SECONDS", 0.2)
    with pytest.raises(Unavailable, match="steady did not answer within 0 s"):
        build("steady", ready_url=f"http://127.0.0.1:{free_port()}/").start()


def test_a_start_that_is_interrupted_starts_nothing_more(fake: Path, supervise: tuple[Start, list[str]]) -> None:
    build, _ = supervise
    supervisor = build("steady", "other", ready_url=f"http://127.0.0.1:{free_port()}/")
    stop = threading.Event()
    starting = threading.Thread(target=supervisor.start, args=(stop,))
    starting.start()
    wait_until(lambda: starts(fake, "steady"))
    stop.set()
    starting.join(10)
    assert not starting.is_alive()
    assert supervisor.children[1].process is None
    supervisor.stop()


def test_children_are_stopped_in_time_even_those_that_will_not_listen(
    fake: Path, supervise: tuple[Start, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    build, _ = supervise
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.5)
    supervisor = build("steady", "stubborn")
    supervisor.start()
    wait_until(lambda: is_up(fake, "steady") and is_up(fake, "stubborn"))
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 5
    ends = [child.process.returncode for child in supervisor.children if child.process is not None]
    assert ends == [-signal.SIGTERM, -signal.SIGKILL]
    supervisor.stop()  # again is no matter


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_children_end_when_their_parent_is_killed(fake: Path) -> None:
    program = f"""
        import pathlib, threading
        from monitor.app.processes import Child, Supervisor
        child = Child("steady", ["steady", {str(fake)!r}], environment={{"PYTHONPATH": {str(fake / "fake")!r}}})
        supervisor = Supervisor([child], pathlib.Path({str(fake / "logs")!r}), print)
        supervisor.start()
        supervisor.watch(threading.Event())
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    try:
        wait_until(lambda: is_up(fake, "steady"))
        child = psutil.Process(starts(fake, "steady")[0])
        assert child.ppid() == parent.pid
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_taken_port_is_said_with_the_flag_that_chooses_another() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"it can't listen on 127.0.0.1:{port} \(.*\); choose another with --p"):
            check_port("127.0.0.1", port, "it", "--p")
    check_port("127.0.0.1", port, "it", "--p")


def test_an_address_that_is_not_this_machine_s_is_said_too() -> None:
    with pytest.raises(Unavailable, match=r"it can't listen on 203\.0\.113\.7:1"):
        check_port("203.0.113.7", 1, "it", "--host")
    with pytest.raises(Unavailable, match=r"it can't listen on nowhere\.invalid:1"):
        check_port("nowhere.invalid", 1, "it", "--host")
