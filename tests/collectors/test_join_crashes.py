"""Killed between the steps of the joiner, each call comes out of the buffer once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .joining_rig import buffer_in

PROGRAM = Path(__file__).with_name("join_crash_program.py")
FAULTS = [
    ["read", "3", "before"],
    ["read", "4", "after"],
    ["settle", "5", "after"],
    ["write", "3", "before"],
    ["write", "4", "within"],
    ["write", "2", "after"],
]


def run_until_killed(folder: Path, number: int, fault: list[str]) -> list[str]:
    """Run the program until it has killed itself; the halves it said were durable."""
    command = [sys.executable, str(PROGRAM), str(folder), str(number), *fault]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    return done.stdout.split()


def test_killed_between_its_steps_the_joiner_settles_each_call_once(tmp_path: Path) -> None:
    durable = [each for n, fault in enumerate(FAULTS, start=1) for each in run_until_killed(tmp_path, n, fault)]
    keys = {each.partition(":")[2] for each in durable}
    whole = {key for key in keys if {f"request:{key}", f"response:{key}"} <= set(durable)}
    with buffer_in(tmp_path, join_seconds=60) as buffer:
        buffer.joiner.run(datetime(2026, 3, 5, tzinfo=UTC) + timedelta(days=1), most_steps=100)
        records = buffer.records()
        assert (buffer.waiting, buffer.refused()) == (0, [])
    counted = Counter(record["prediction_id"] for record in records)
    assert set(counted) >= keys
    assert set(counted.values()) == {1}
    joined = {r["prediction_id"] for r in records if "prediction" in r and "features" in r}
    assert joined >= whole
    assert len(whole) > 50
