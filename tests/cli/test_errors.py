"""What goes wrong around a command is one line on standard error and a status, never a traceback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.config import load_settings

from .conftest import Kedge

BAD_FILES = {
    "not TOML": (b"port = [", "'bad.toml'"),
    "not text": (b"\xff\xfe", "'bad.toml'"),
    "a wrong type": (b'port = "many"', "port: Input should be a valid integer"),
    "an unknown setting": (b"nonsense = 1", "nonsense: there is no such setting"),
    "an unknown setting in a table": (b"[collector]\nspeed = 1", "collector.speed: there is no such setting"),
    "an unknown response": (b'[responses.x]\nkind = "pray"', "'pray' is not known; accepted: retrain, rollback"),
    "a response to a metric there is not": (
        b'[responses.x]\nkind = "retrain"\nmetrics = ["acuracy"]',
        "names 'acuracy', which is no metric; did you mean 'accuracy'?",
    ),
    "a window that is none": (b'[monitoring]\nwindow = "1x"', "window size '1x' is not usable"),
    "a window without end": (b'[monitoring]\nwindow = "99999999999999999999d"', "at most 5200w"),
}
BAD_VARIABLES = {
    "KEDGE_PORT": ("70000", "port: Input should be less than or equal to 65535"),
    "KEDGE_COLLECTOR": ("nonsense", "collector"),
    "KEDGE_COLLECTOR__FLUSH_SECONDS": ("0", "collector.flush_seconds: Input should be greater than 0"),
    "KEDGE_DATABASE_URL": ("nonsense", "'nonsense' is not a database address; accepted: sqlite:///"),
    "KEDGE_CONFIG": ("nope.toml", "KEDGE_CONFIG names 'nope.toml', which is not a file"),
}
UNREACHABLE = {
    "a server that is not there": "postgresql://jo:hunter2@127.0.0.1:1/kedge",
    "a folder that can't be made": "sqlite:////proc/nope/control.sqlite",
    "a folder": "sqlite:////proc",
}
COMMANDS = [["model", "list"], ["db", "current"], ["db", "upgrade"], ["key", "create", "--role", "read"]]


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_settings_file_is_status_2_and_says_what_is_wrong(kedge: Kedge, what: str) -> None:
    content, why = BAD_FILES[what]
    Path("bad.toml").write_bytes(content)
    outcome = kedge("--config", "bad.toml", "model", "list")
    assert outcome.status == 2
    assert why in outcome.error


@pytest.mark.parametrize("name", BAD_VARIABLES)
def test_a_bad_variable_is_status_2_and_says_what_is_wrong(
    kedge: Kedge, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    value, why = BAD_VARIABLES[name]
    monkeypatch.setenv(name, value)
    outcome = kedge("model", "list")
    assert outcome.status == 2
    assert why in outcome.error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_settings_file_that_may_not_be_read_is_status_2(kedge: Kedge) -> None:
    Path("kedge.toml").write_text("")
    Path("kedge.toml").chmod(0)
    assert kedge("model", "list").status == 2


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("what", UNREACHABLE)
def test_a_control_database_out_of_reach_is_status_3(
    kedge: Kedge, monkeypatch: pytest.MonkeyPatch, what: str, arguments: list[str]
) -> None:
    monkeypatch.setenv("KEDGE_DATABASE_URL", UNREACHABLE[what])
    outcome = kedge(*arguments)
    assert outcome.status == 3
    assert "the control database" in outcome.error
    assert "hunter2" not in outcome.err


def test_a_file_that_is_no_database_is_status_3(kedge: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("notes.txt").write_text("not a database, but long enough to look like one could be in here" * 20)
    monkeypatch.setenv("KEDGE_DATABASE_URL", f"sqlite:///{Path('notes.txt').absolute()}")
    outcome = kedge("model", "list")
    assert outcome.status == 3
    assert outcome.error.endswith("file is not a database")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("command", "flag"),
    [("up", "--port"), ("up", "--dashboard-port"), ("collect", "--port"), ("dashboard", "--port"), ("demo", "--port"),
     ("demo", "--dashboard-port")],
)  # fmt: skip
def test_a_port_that_is_taken_is_status_3_and_names_the_flag(kedge: Kedge, taken: int, command: str, flag: str) -> None:
    free = [] if (command, flag) != ("up", "--dashboard-port") else ["--port", "0"]
    outcome = kedge(command, flag, taken, *free)
    assert outcome.status == 3
    assert outcome.error.endswith(f"127.0.0.1:{taken} (Address already in use); choose another with {flag}")


def test_a_demo_leaves_somebody_else_s_folder_alone(kedge: Kedge) -> None:
    mine = Path("mine/thesis.txt")
    mine.parent.mkdir()
    mine.write_text("three years of work")
    outcome = kedge("demo", "--data", "mine")
    assert outcome.status == 2
    assert "is not empty and no earlier demo made it; choose another with --data" in outcome.err
    assert mine.read_text() == "three years of work"


def test_a_demo_does_not_take_up_the_settings_of_the_user_s_own_kedge(
    kedge: Kedge, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("it ends the demo early")
    monkeypatch.setenv("KEDGE_DATABASE_URL", "postgresql://production/kedge")
    kedge("demo", "--data", "mine")
    assert load_settings().database_url == ""


def test_a_fault_of_kedges_own_is_no_finding(kedge: Kedge, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: Path) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("monitor.cli.drift.read_table", broken)
    outcome = kedge("drift", "check", "a.parquet", "b.parquet")
    assert outcome.status == 4
    assert "RuntimeError: a bug" in outcome.err
