"""Help that teaches: every command says what it does, every option what it is for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from monitor import __version__
from monitor.cli.main import app

from .conftest import Kedge


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


EVERY = dict(commands(get_command(app)))


def test_there_is_a_command_for_every_task() -> None:
    assert {
        "demo", "up", "collect", "work", "dashboard", "ingest", "model list", "model show", "baseline create",
        "baseline list", "incident list", "incident show", "incident ack", "key create", "key list", "key revoke",
        "db upgrade", "db current", "config show"} <= {" ".join(path) for path in EVERY}  # fmt: skip


@pytest.mark.parametrize("path", EVERY, ids=lambda path: " ".join(path) or "kedge")
def test_help_says_what_the_command_and_each_option_is_for(kedge: Kedge, path: tuple[str, ...]) -> None:
    outcome = kedge(*path, "--help")
    assert outcome.status == 0
    description = EVERY[path].help
    assert description
    assert description.splitlines()[0].split()[0] in outcome.out
    for parameter in EVERY[path].params:
        assert getattr(parameter, "help", None), f"kedge {' '.join(path)}: {parameter.name} has no help"


@pytest.mark.parametrize("path", [("up",), ("ingest",), ("baseline", "create")], ids=" ".join)
def test_commands_with_more_to_say_show_an_example(path: tuple[str, ...]) -> None:
    assert "    kedge " in EVERY[path].help or "    curl " in EVERY[path].help


def test_without_a_command_kedge_explains_itself(kedge: Kedge) -> None:
    outcome = kedge()
    assert outcome.status == 2
    assert "Begin with `kedge demo`" in outcome.out


def test_the_version_is_told(kedge: Kedge) -> None:
    assert kedge("--version").out == f"kedge {__version__}\n"


def test_the_installed_command_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "monitor.cli.main", "--version"], capture_output=True, check=True)
    assert done.stdout.decode() == f"kedge {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["model"], ["model", "show"], ["key", "create", "--role", "king"], ["incident", "show", "first"],
     ["incident", "show", "0"], ["incident", "show", str(2**63)], ["key", "revoke", str(2**70)],
     ["demo", "--days", "3"], ["up", "--port", "many"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_status_2(kedge: Kedge, arguments: list[str]) -> None:
    assert kedge(*arguments).status == 2


@pytest.mark.parametrize("path", EVERY, ids=lambda path: " ".join(path) or "kedge")
def test_no_sentence_is_broken_where_the_code_breaks_it(path: tuple[str, ...]) -> None:
    paragraphs = str(EVERY[path].help).split("\n\n")
    assert [each for each in paragraphs if "\n" in each and not each.startswith(" ")] == []
