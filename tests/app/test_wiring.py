"""The composition root: the worker's jobs from settings, good and bad, and the compaction it schedules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collectors.collector import Collector, Request
from collectors.formats import find_format
from collectors.inbox import Inbox
from monitor.app.control import open_database
from monitor.app.files import Outcome, flush_inbox
from monitor.app.stores import open_stores
from monitor.app.worker import build_jobs, compact_lake
from monitor.config import load_settings
from monitor.errors import ConfigError, KedgeError
from monitor.jobs import Stores
from monitor.lake import Kind
from monitor.queries.status import status

SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
GOOD: dict[str, Any] = {
    "channels": {
        "chat": {"kind": "slack", "url": "https://hooks.example.test/services/x"},
        "oncall": {"kind": "webhook", "url": "https://oncall.example.test/", "secret": SECRET},
    },
    "responses": {"retrain": {"kind": "retrain", "url": "https://train.example.test/", "secret": SECRET}},
}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    """Open the stores of a new folder with these settings; they are closed at the end."""
    made: list[Stores] = []

    def build(**settings: Any) -> Stores:
        made.append(open_stores(load_settings(data_dir=tmp_path, **settings)))
        return made[-1]

    yield build
    for stores in made:
        stores.db.close()


def test_a_worker_without_channels_and_responses_has_all_its_jobs_and_they_run(opened: Any) -> None:
    jobs = build_jobs(opened())
    assert [job.name for job in jobs] == [
        *("watch", "alert", "respond", "counts", "silence", "slos", "quarantine", "compact")
    ]
    for job in jobs:
        job.run(datetime.now(UTC))


def test_a_worker_is_wired_to_its_channels_and_responses(opened: Any) -> None:
    for job in build_jobs(opened(**GOOD)):
        job.run(datetime.now(UTC))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown channel": ({"channels": {"chat": {"kind": "pigeon"}}}, "pigeon"),
    "a channel without an address": ({"channels": {"chat": {"kind": "slack"}}}, "chat"),
    "a channel with a setting too many": (
        {"channels": {"chat": {"kind": "slack", "url": "https://x.test", "colour": "red"}}}, "colour"),
    "a secret that is not set": (
        {"channels": {"oncall": {"kind": "webhook", "url": "https://x.test", "secret": "env:NO_SUCH_VARIABLE"}}},
        "NO_SUCH_VARIABLE"),
    "an unknown target": ({"responses": {"retrain": {"kind": "retrain", "target": "oracle"}}}, "oracle"),
    "a target without an address": ({"responses": {"retrain": {"kind": "retrain"}}}, "retrain"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_wrong_channel_or_response_ends_the_start_and_is_named(opened: Any, what: str) -> None:
    settings, named = BAD[what]
    with pytest.raises(ConfigError, match=named):
        build_jobs(opened(**settings))


def test_settings_that_are_wrong_are_errors_of_kedge() -> None:
    with pytest.raises(KedgeError, match="accepted: retrain, rollback"):
        load_settings(responses={"x": {"kind": "pray"}})


def test_compaction_merges_the_small_files_of_every_model(opened: Any, tmp_path: Path) -> None:
    stores = opened()
    inbox = Inbox(tmp_path / "inbox.sqlite", 2**30)
    for day in range(4):
        body = f'{{"model": "churn", "prediction_id": "p{day}", "event_time": "2026-03-04T0{day}:00:00Z"}}'.encode()
        request = Request(Kind.PREDICTIONS, datetime.now(UTC), "file:-")
        (taken,) = Collector(inbox, stores.settings.collector).ingest(body, request, find_format("json"))
        assert taken.accepted == 1
        assert flush_inbox(stores, inbox).outcome is Outcome.WRITTEN
    inbox.close()
    assert len(stores.lake.files("churn", Kind.PREDICTIONS)) == 4
    assert compact_lake(stores) == 4
    assert len(stores.lake.files("churn", Kind.PREDICTIONS)) == 1
    assert status(stores.db).predictions_stored == 4


def test_the_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "kedge")
    open_database(settings).close()
    assert (tmp_path / "kedge").stat().st_mode & 0o077 == 0
