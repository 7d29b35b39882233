"""Killed at any moment, the collector loses nothing it acknowledged and stores nothing twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from sqlalchemy import select

from collectors.flusher import Flusher
from collectors.inbox import Inbox
from monitor.config import CollectorSettings
from monitor.db import catalog, quarantine
from monitor.db.database import Database
from monitor.db.models import Monitor, WindowState
from monitor.lake import Kind, Lake
from monitor.windows import windows_touched

PROGRAM = Path(__file__).with_name("crash_program.py")
MODEL = "m"
HOUR = timedelta(hours=1)
STEPS = ["claim", "append_predictions", "count_predictions", "append_labels", "count_labels", "forget"]
FAULTS = [[step, str(call), when] for call, step in enumerate(STEPS, start=1) for when in ("before", "after")]


def run_until_killed(folder: Path, db: Database, number: int, fault: list[str], kill_after: int) -> list[str]:
    """Run the program, kill it after so many acknowledgements unless it dies first; the lines it got out."""
    url = db.url.render_as_string(hide_password=False)
    command = [sys.executable, str(PROGRAM), str(folder), url, str(number), *fault]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if len(lines) == kill_after:
            process.kill()
    assert process.wait() == -signal.SIGKILL
    return [line for line in lines if line.endswith("\n")]


def drain(folder: Path, db: Database, now: datetime) -> tuple[str, Lake]:
    settings = CollectorSettings()
    inbox = Inbox(folder / "inbox.sqlite", settings.inbox_max_bytes)
    flusher = Flusher(inbox, Lake(str(folder / "lake")), db, settings)
    while (report := flusher.flush(now)).more:
        pass
    assert report.failures == []
    assert inbox.records_waiting() == 0
    assert inbox.refused() == []
    flusher.close()
    inbox.close()
    return inbox.collector_id, flusher.lake


def check(folder: Path, db: Database, now: datetime, acknowledged: list[str]) -> None:
    collector, lake = drain(folder, db, now)
    acks = {kind: [line.split()[1:] for line in acknowledged if line.startswith(kind)] for kind in Kind}
    predictions = DeltaTable(lake.uri(MODEL, Kind.PREDICTIONS)).to_pyarrow_table().to_pylist()
    labels = DeltaTable(lake.uri(MODEL, Kind.LABELS)).to_pyarrow_table().to_pylist()

    stored = Counter(row["prediction_id"] for row in predictions)
    assert {each for ids in acks[Kind.PREDICTIONS] for each in ids} <= set(stored)
    assert set(stored.values()) == {1}
    labelled = Counter(row["prediction_id"] for row in labels)
    assert {each for ids in acks[Kind.LABELS] for each in ids} <= set(labelled)
    assert set(labelled.values()) == {1}

    with db.reading() as session:
        model = catalog.find_model(session, MODEL)
        assert (model.predictions, model.labels) == (len(predictions), len(labels))
        versions = {version.name: version.predictions for version in catalog.list_versions(session, model.id)}
        assert versions == Counter(row["version"] for row in predictions)
        touched = {row.start for row in session.scalars(select(WindowState))}
        assert touched == {window.start for window in windows_touched((r["event_time"] for r in predictions), HOUR)}
        refused = [row.inbox_id for row in quarantine.list_refusals(session, limit=1_000_000)]
        assert len(refused) == len(set(refused)) >= len(acknowledged)
        assert collector


def watch(db: Database, now: datetime) -> None:
    with db.session() as session:
        model = catalog.ensure_model(session, MODEL, now)
        session.add(
            Monitor(
                model_id=model.id,
                name="volume",
                metric="predictions",
                window_seconds=3600,
                threshold={"kind": "constant"},
                created_at=now,
            )
        )


def test_killed_at_random_moments_nothing_acknowledged_is_lost_or_stored_twice(
    tmp_path: Path, db: Database, now: datetime
) -> None:
    watch(db, now)
    moments = random.Random(20260304)
    acknowledged: list[str] = []
    for number in range(1, 5):
        acknowledged += run_until_killed(tmp_path, db, number, [], moments.randint(5, 150))
    check(tmp_path, db, now, acknowledged)


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_the_flushers_steps_nothing_acknowledged_is_lost_or_stored_twice(
    tmp_path: Path, sqlite_db: Database, now: datetime, when: str
) -> None:
    watch(sqlite_db, now)
    acknowledged: list[str] = []
    faults = [fault for fault in FAULTS if fault[2] == when]
    for number, fault in enumerate(faults, start=1):
        acknowledged += run_until_killed(tmp_path, sqlite_db, number, fault, 2_000)
    check(tmp_path, sqlite_db, now, acknowledged)
