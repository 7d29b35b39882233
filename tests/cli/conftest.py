"""The `kedge` command in a folder of its own, called as the shell calls it."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.app.control import open_database
from monitor.cli.main import main
from monitor.config import load_settings
from tests.dashboards.seeding import seed


@dataclass(frozen=True)
class Outcome:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The answer of --json, which is one line."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def error(self) -> str:
        """The one line that a failing command writes."""
        (line,) = self.err.splitlines()
        assert line.startswith("error: ")
        assert self.out == ""
        return line.removeprefix("error: ")


Kedge = Callable[..., Outcome]


@pytest.fixture
def kedge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kedge:
    """Run `kedge(*arguments, stdin=b"")` in an empty folder; an exception that nobody answers fails the test."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("KEDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KEDGE_CONFIG", "")  # so that what --config sets is undone
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["kedge", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
        said = capsys.readouterr()
        return Outcome(status, said.out, said.err)

    return run


@pytest.fixture
def seeded(kedge: Kedge) -> Kedge:
    """The same, with sixty days of history."""
    database = open_database(load_settings())
    seed(database, datetime.now(UTC))
    database.close()
    return kedge
