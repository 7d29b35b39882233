"""How commands speak: tables for people, JSON for programs, errors on standard error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitor.errors import InvalidValue

# 0 is fine; these are what else a command's exit status can mean.
FINDING, USAGE, UNAVAILABLE, FAULT = 1, 2, 3, 4
LARGEST_ID = 2**63 - 1
"""Both kinds of control database number their rows up to here."""

# What is piped into grep must not be broken into lines of 80.
_PIPE_WIDTH = 10_000

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def print_json(value: Any) -> None:
    """One line of JSON; times and durations in ISO 8601."""
    typer.echo(msgspec.json.encode(value, enc_hook=str).decode())


def print_rows(rows: Sequence[Mapping[str, Any]], empty: str, as_json: bool) -> None:
    """A table with one column per key, or the rows as JSON; `empty` is said when there are none."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        err.print(empty, markup=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        table.add_column(name.replace("_", " "))
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    (out if out.is_terminal else Console(width=_PIPE_WIDTH)).print(table)


def write_file(path: Path, content: bytes) -> None:
    """Raises InvalidValue naming the file when it can't be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidValue(f"file {str(path)!r} can't be written: {error.strerror}") from None


def fail(message: str, code: int = USAGE) -> NoReturn:
    err.print(Text.assemble(("error: ", "bold red"), message))
    raise typer.Exit(code)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case _ if hasattr(value, "strftime"):
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case _:
            return str(value)
