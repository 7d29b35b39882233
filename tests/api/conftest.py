"""The real HTTP application on a folder of its own, called without a network."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitor.app.web import Web
from monitor.config import load_settings
from monitor.db import keys
from monitor.db.keys import Role
from tests.dashboards.seeding import seed_file


@dataclass
class Api:
    """Calls the application as somebody at `host`; an exception inside it fails the test if `raising`."""

    web: Web
    host: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)
    raising: bool = True

    def call(self, method: str, path: str, **sent: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.web.app, self.raising, client=(self.host, 50_000))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://kedge", headers=self.headers, follow_redirects=True
            ) as http:
                return await http.request(method, path, **sent)

        return asyncio.run(answer())

    def get(self, path: str, **sent: Any) -> httpx.Response:
        return self.call("GET", path, **sent)

    def post(self, path: str, **sent: Any) -> httpx.Response:
        return self.call("POST", path, **sent)

    def with_key(self, role: Role) -> Api:
        """Somebody far away with a new key of this role."""
        with self.web.db.session() as session:
            key = keys.create_key(session, f"a {role} key", role, datetime.now(UTC))
        return Api(self.web, "10.0.0.7", {"Authorization": f"Bearer {key}"})


@pytest.fixture(scope="session")
def seeded_control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "control.sqlite"
    seed_file(path, datetime.now(UTC)).close()
    return path


@pytest.fixture
def web(seeded_control: Path, tmp_path: Path) -> Iterator[Web]:
    """Collector, flusher and API over a control database with sixty days in it, and no key."""
    shutil.copy(seeded_control, tmp_path / "control.sqlite")
    running = Web(load_settings(data_dir=tmp_path))
    yield running
    running.close()


@pytest.fixture
def api(web: Web) -> Api:
    """Somebody on this machine."""
    return Api(web)
