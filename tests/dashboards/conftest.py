"""The dashboard on a seeded control database, or on an empty one, at a clock that stands still."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from dashboards import data
from dashboards.launch import APP
from tests.dashboards.seeding import seed_file

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One seeded SQLite file; tests that write take a copy."""
    path = tmp_path_factory.mktemp("seeded") / "control.sqlite"
    seed_file(path, NOW).close()
    return path


@pytest.fixture
def control(seeded_file: Path, tmp_path: Path) -> Path:
    """A seeded control database of this test's own."""
    return Path(shutil.copy(seeded_file, tmp_path / "control.sqlite"))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open a page of the dashboard: `open_page(control, "drift", model="churn")`."""

    def open_it(database: Path, page: str = "overview", **params: str) -> AppTest:
        monkeypatch.setenv("KEDGE_DATABASE_URL", f"sqlite:///{database}")
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.switch_page(f"app_pages/{page}.py")
        for name, value in params.items():
            app.query_params[name.rstrip("_")] = value
        return app.run()

    monkeypatch.setattr(data, "now", lambda: NOW)
    _listen_on("127.0.0.1", monkeypatch)
    _forget()
    yield open_it
    _forget()


@pytest.fixture
def exposed(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> Open:
    """As `open_page`, on a dashboard that other machines can reach."""
    _listen_on("0.0.0.0", monkeypatch)
    return open_page


def _listen_on(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    option = config.get_option
    monkeypatch.setattr(st, "get_option", lambda name: address if name == "server.address" else option(name))


def _forget() -> None:
    """Caches outlive a test: they would show the next one this one's database."""
    st.cache_data.clear()
    st.cache_resource.clear()
