"""The dashboard in a real browser: it shows the headline, it can be drilled into, and the URL holds the state."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dashboards.launch import command, environment

CHROMIUM = os.environ.get("KEDGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on PATH; install one or name it in KEDGE_CHROMIUM"),
]
PATIENCE_MS = 60_000


@pytest.fixture
def address(control: Path) -> Iterator[str]:
    """The dashboard, served on loopback from a working directory of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = control.with_name("dashboard.log")
    with log.open("wb") as out:
        served = environment(os.environ, f"sqlite:///{control}")
        process = subprocess.Popen(command(port), env=served, cwd=control.parent, stdout=out, stderr=out)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=8)) as client:
            assert client.get(f"http://127.0.0.1:{port}/_stcore/health").status_code == 200, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def page(address: str) -> Iterator[Any]:
    """A page whose every request to another host is noted."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright to run browser tests")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.set_default_timeout(PATIENCE_MS)
        tab.elsewhere = []
        tab.on("request", lambda request: _note(tab.elsewhere, request.url, address))
        yield tab
        browser.close()


def _note(elsewhere: list[str], url: str, address: str) -> None:
    if not url.startswith((address, "data:", "blob:")):
        elsewhere.append(url)


def headline(page: Any, text: str) -> None:
    page.get_by_role("heading", level=1, name=text).wait_for()
    assert page.get_by_test_id("stException").count() == 0


def test_from_the_overview_to_the_drifted_feature(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_text("models need a look").or_(page.get_by_text("Nothing is wrong")).first.wait_for()
    page.get_by_test_id("stPageLink").get_by_text("flight-delay", exact=True).click()
    headline(page, "2 of 15 features drifted: temp, dewp")
    assert "/model?model=flight-delay" in page.url
    page.get_by_test_id("stVegaLiteChart").first.locator("canvas, svg").first.wait_for()
    page.get_by_text("See which features drifted").click()
    headline(page, "2 of 15 features drifted")
    page.wait_for_url("**/drift?model=flight-delay&feature=temp")
    page.get_by_role("button", name="Earlier").click()
    page.wait_for_url("**window=2026-03-02**")
    headline(page, "2 of 15 features drifted")
    assert page.elsewhere == []


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("model?model=churn", "AUC 0.68, expected at least 0.76"),
        ("drift?model=flight-delay&window=2026-02-15T00:00Z&feature=carrier", "1 of 15 features drifted"),
        ("incidents", "2 incidents are open"),
        ("incident?incident=1", "AUC 0.51, expected at least 0.66"),
    ],
)
def test_every_page_opens_from_a_pasted_address(page: Any, address: str, path: str, title: str) -> None:
    page.goto(f"{address}/{path}")
    headline(page, title)
    assert page.elsewhere == []
