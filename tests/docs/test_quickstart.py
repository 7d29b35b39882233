"""docs/quickstart.md works as it stands: its blocks run in order against a collector on loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner

from collectors.flusher import Flusher
from monitor.app.control import clock
from monitor.app.files import flush_inbox
from monitor.app.processes import free_port
from monitor.app.stores import open_stores
from monitor.app.web import Web
from monitor.cli.main import app
from monitor.config import load_settings
from monitor.db import catalog
from monitor.db.keys import Role, create_key
from monitor.lake import Kind, Lake
from tests.docs.pages import Block, blocks, commands

PAGE = "docs/quickstart.md"
ADDRESS = "http://127.0.0.1:8600"
# These are run by other tests (the demo, `kedge up`) or belong to the reader's shell.
ELSEWHERE = ("make ", "source ", "export ", "kedge up")


@dataclass
class Reader:
    """Somebody who pastes one block after the other; `printed` is what the last one said."""

    url: str
    names: dict[str, Any] = field(default_factory=dict)
    printed: str = ""

    def paste(self, block: Block) -> None:
        match block.language:
            case "python":
                exec(compile(block.text.replace(ADDRESS, self.url), str(block), "exec"), self.names)
            case "sh":
                for command in commands(block):
                    self._run(command.replace(ADDRESS, self.url))
            case "json":
                assert json.loads(self.printed) == json.loads(block.text), f"the answer before {block}"

    def _run(self, command: str) -> None:
        if command.startswith("curl "):
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30)
            self.printed = done.stdout
            assert "error" not in json.loads(done.stdout), f"{command}: {done.stdout}"
        elif command.startswith("kedge ") and not command.startswith(ELSEWHERE):
            result = CliRunner().invoke(app, command.split()[1:])
            assert result.exit_code == 0, f"{command}: {result.output}"
            self.printed = result.output
        else:
            assert command.startswith(ELSEWHERE), f"{command!r} is not run by this test"

    def call_the_endpoint(self) -> dict[str, Any]:
        """Serve the FastAPI application of the page until it has answered one request."""
        server, thread = serve(self.names["app"], port := free_port())
        try:
            answer = httpx.post(f"http://127.0.0.1:{port}/predict", json={"age": 33, "plan": "basic"}, trust_env=False)
            return dict(answer.raise_for_status().json())
        finally:
            server.should_exit = True
            thread.join()


def serve(application: Any, port: int) -> tuple[uvicorn.Server, threading.Thread]:
    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            ready.set()

    server = Server(uvicorn.Config(application, port=port, log_level="warning", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert ready.wait(30)
    return server, thread


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A collector that has a key, in a folder of its own, which the `kedge` commands use as well."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"KEDGE_DATA_DIR": str(tmp_path), "KEDGE_COLLECTOR__FLUSH_SECONDS": "0.05"}.items():
        monkeypatch.setenv(name, value)
    running = Web(load_settings())
    with running.db.session() as session:
        monkeypatch.setenv("KEDGE_API_KEY", create_key(session, "quickstart", Role.INGEST, clock()))
    stop = threading.Event()  # what `kedge collect` has a process for
    flusher = Flusher(running.inbox, Lake(running.settings.lake_root), running.db, running.settings.collector)
    thread = threading.Thread(target=flusher.run, args=(stop, clock))
    thread.start()
    yield running
    stop.set()
    thread.join()
    running.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_page_works_from_its_first_block_to_its_last(web: Web) -> None:
    port = free_port()
    server, thread = serve(web.app, port)
    reader = Reader(f"http://127.0.0.1:{port}")
    served = False
    try:
        for block in [each for each in blocks("python", "sh", "json") if each.page == PAGE]:
            reader.paste(block)
            if "app" in reader.names and not served:
                served = reader.call_the_endpoint() == {"prediction": 1, "score": 0.83}
    finally:
        server.should_exit = True
        thread.join()
    assert served
    assert "validation" in reader.printed
    flush_inbox(open_stores(web.settings), web.inbox)
    check_what_was_stored(web)


def check_what_was_stored(web: Web) -> None:
    """A prediction each by curl, by httpx, by the logger and by the middleware; and one label."""
    lake = Lake(web.settings.lake_root)
    assert lake.rows("churn", Kind.PREDICTIONS) == 4
    assert lake.rows("churn", Kind.LABELS) == 1
    with web.db.reading() as session:
        churn = catalog.find_model(session, "churn")
        assert (churn.predictions, churn.labels) == (4, 1)
        assert [version.name for version in catalog.list_versions(session, churn.id)] == ["7"]
        assert set(catalog.read_features(session, churn.id)) == {"age", "plan"}


def test_the_default_baseline_is_as_large_as_the_page_says() -> None:
    text = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
    assert f"the first {load_settings().monitoring.baseline_rows:,} predictions" in text
