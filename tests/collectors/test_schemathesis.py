"""Whatever the published /openapi.json allows, and what it does not allow, the whole application answers it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup

from monitor.app.web import Web
from monitor.config import load_settings
from tests.dashboards.seeding import seed_file

EXAMPLES = 15
"""Requests that are drawn per operation and mode."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application with sixty days in its database, on a port of the loopback."""
    folder = tmp_path_factory.mktemp("served")
    seed_file(folder / "control.sqlite", datetime.now(UTC)).close()
    web = Web(load_settings(data_dir=folder))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(web.app, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    web.close()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_operation_answers_with_a_server_error(address: str, mode: GenerationMode) -> None:
    failures = []
    for operation in operations(address):
        try:
            ask(operation, mode)
        except FailureGroup as failed:
            failures.append(f"{operation.label}: {failed.exceptions[0]}")
    assert failures == []


def test_every_operation_is_published(address: str) -> None:
    labels = {operation.label for operation in operations(address)}
    assert {"POST /v1/predictions", "POST /v1/labels", "GET /v1/models", "GET /metrics"} <= labels


def operations(address: str) -> list[APIOperation[Any, Any, Any, Any, Any]]:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


def ask(operation: APIOperation[Any, Any, Any, Any, Any], mode: GenerationMode) -> None:
    """Send requests as the document describes them, or ones that it rules out."""

    @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(mode))
    def asked(case: schemathesis.Case) -> None:
        case.validate_response(case.call(timeout=20), checks=[not_a_server_error])

    try:
        asked()
    except Unsatisfiable:  # an operation without parameters takes no wrong ones
        assert mode is GenerationMode.NEGATIVE
