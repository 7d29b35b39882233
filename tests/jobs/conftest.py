"""A site per test: on both databases where storage matters, on SQLite elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.db.database import Database
from tests.jobs.site import Site, open_site

MakeSite = Callable[..., Site]


@pytest.fixture(autouse=True)
def _settings_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kedge.toml or variable of the machine has a say."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def site(db: Database, tmp_path: Path) -> Site:
    return open_site(db, tmp_path)


@pytest.fixture
def plain_site(sqlite_db: Database, tmp_path: Path) -> Site:
    """On SQLite only, for what does not depend on the database."""
    return open_site(sqlite_db, tmp_path)


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[MakeSite]:
    """More sites, each with a database and a lake of its own, on SQLite."""
    databases: list[Database] = []

    def build(**monitoring: Any) -> Site:
        folder = tmp_path / f"site{len(databases)}"
        databases.append(Database(f"sqlite:///{folder / 'control.sqlite'}"))
        databases[-1].upgrade()
        return open_site(databases[-1], folder, **monitoring)

    yield build
    for database in databases:
        database.close()
