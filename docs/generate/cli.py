"""docs/reference/cli.md, from the command tree."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_type_hints

import typer

from docs.generate.markdown import code, join, table
from monitor.cli.main import app
from monitor.cli.output import FINDING, UNAVAILABLE, USAGE

_INTRO = f"""# Command line

In a clone the command is `.venv/bin/kedge`; with the environment active, or after `pip install`, it is `kedge`.
Every command tells its options with `--help`. Commands with `--json` print one line of JSON for programs; tables and
progress are for people. Errors are one line on standard error.

| status | meaning |
| --- | --- |
| 0 | fine |
| {FINDING} | something was found: an open incident, drift of a file, refused records, tables that are not up to date |
| {USAGE} | wrong usage, or a setting that can't be used |
| {UNAVAILABLE} | something can't be reached: a port that is taken, a database that is down |
| 130 | ended by Ctrl-C |"""


def page() -> str:
    parts = [_INTRO]
    for name, command in commands():
        is_group = hasattr(command, "commands")
        parts += [f"## {name}" if is_group or name.count(" ") == 1 else f"### {name}"]
        parts += [_usage(name, command, is_group), _help(command), _parameters(command)]
        if is_group:
            parts.append(
                table(["command", "does"], [[code(f"{name} {n}"), _first_line(c)] for n, c in _below(command)])
            )
    return join(*parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and group with its full name, a group before what is in it."""
    yield from _walk("kedge", typer.main.get_command(app))


def _walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for below, child in _below(command):
        yield from _walk(f"{name} {below}", child)


def _below(command: Any) -> list[tuple[str, Any]]:
    return list(getattr(command, "commands", {}).items())


def _usage(name: str, command: Any, is_group: bool) -> str:
    words = [name]
    words += [_argument(p) for p in command.params if p.param_type_name == "argument"]
    words += ["[OPTIONS]"] if any(p.param_type_name == "option" for p in command.params) else []
    words += ["COMMAND"] if is_group else []
    return f"```\n{' '.join(words)}\n```"


def _help(command: Any) -> str:
    # Typer needs a blank line after a continued one to keep them apart; Markdown does not.
    return str(command.help or "").replace("\\\n\n", "\\\n")


def _first_line(command: Any) -> str:
    return _help(command).partition("\n")[0]


def _parameters(command: Any) -> str:
    kinds = get_type_hints(command.callback) if command.callback else {}
    rows = [_row(p, kinds.get(p.name, str)) for p in command.params if p.name != "help"]
    return table(["option", "default", "meaning"], rows)


def _row(parameter: Any, kind: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        return [code(_argument(parameter)), "needed", parameter.help or ""]
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    value = "" if parameter.is_flag else f" {parameter.metavar or _value(kind)}"
    default = "needed" if parameter.required else code(_default(parameter))
    return [code(f"{names}{value}"), default, parameter.help or ""]


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).upper()


def _default(parameter: Any) -> str:
    return "" if parameter.default in (None, False, "") or callable(parameter.default) else str(parameter.default)


def _value(kind: Any) -> str:
    """What an option takes; the names where it is one of a few."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(member.value for member in kind)
    return "NUMBER" if kind in (int, int | None) else "TEXT"
