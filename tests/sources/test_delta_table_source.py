"""A Delta table in place: each new row once, whatever happens to the files."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from monitor.errors import Unavailable
from monitor.lake.foreign_table import ForeignTable
from tests.sources.conftest import MakeReading


def add(folder: Path, *ids: str, day: str = "2026-03-01") -> None:
    rows = pa.table(
        {"prediction_id": list(ids), "x": range(len(ids)), "prediction": [1] * len(ids), "day": [day] * len(ids)}
    )
    write_deltalake(str(folder), rows, mode="append", partition_by=["day"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "table"


def test_what_is_there_is_read_and_then_what_is_added(folder: Path, reading: MakeReading) -> None:
    add(folder, "a", "b")
    add(folder, "c")
    source = reading("delta_table", url=str(folder), format="auto")
    assert sorted(source.read()) == ["a", "b", "c"]
    add(folder, "d")
    add(folder, "e", day="2026-03-02")
    assert sorted(source.read()) == ["a", "b", "c", "d", "e"]
    source.restart()
    assert sorted(source.read()) == ["a", "b", "c", "d", "e"]
    assert source.state().position == {"version": 3}
    assert {record.features["day"] for record in source.records()} == {"2026-03-01", "2026-03-02"}


def test_files_that_were_merged_or_rewritten_are_not_read_again(folder: Path, reading: MakeReading) -> None:
    for each in ("a", "b", "c"):
        add(folder, each)
    source = reading("delta_table", url=str(folder), format="arrow")
    assert len(source.read()) == 3
    add(folder, "d", "e")
    DeltaTable(str(folder)).optimize.compact()
    DeltaTable(str(folder)).delete("prediction_id = 'e'")
    DeltaTable(str(folder)).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=True)
    assert sorted(source.read()) == ["a", "b", "c", "d", "e"]


def test_a_long_version_is_taken_up_again_in_its_middle(folder: Path, reading: MakeReading) -> None:
    ids = [f"{number:05}" for number in range(2500)]
    add(folder, *ids[:2000])
    add(folder, *ids[2000:])
    source = reading("delta_table", url=str(folder), format="arrow", batch_rows=300)
    stop = threading.Event()
    while len(source.ids()) < 2500:
        runner: Any = source.runner
        for taken in runner._take(next(iter(runner._open().read(runner._state.position)))):
            runner._gather(taken, stop)
        runner._deliver(stop)
        source.restart()
    assert sorted(source.read()) == ids


def test_many_small_versions_are_read_together_also_after_a_restart_among_them(
    folder: Path, reading: MakeReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(folder, "first")
    source = reading("delta_table", url=str(folder), format="arrow")
    source.read()
    for number in range(20):
        add(folder, f"p{number:02}")
    opened: list[int | None] = []
    real = ForeignTable._open

    def opening(self: ForeignTable, version: int | None = None) -> DeltaTable:
        opened.append(version)
        return real(self, version)

    runner: Any = source.runner
    stream = runner._open().read(runner._state.position)
    for _ in range(5):
        for taken in runner._take(next(stream)):
            runner._gather(taken, threading.Event())
    runner._deliver(threading.Event())
    assert source.state().position == {"version": 0, "reading": 20, "files": 4, "rows": 1}
    source.restart()
    add(folder, "last")
    with monkeypatch.context() as patch:
        patch.setattr(ForeignTable, "_open", opening)
        assert sorted(source.read()) == sorted(["first", "last", *(f"p{number:02}" for number in range(20))])
    assert source.state().position == {"version": 21}
    assert {version for version in opened if version is not None} == {0, 20, 21}


def test_only_one_partition_is_read(folder: Path, reading: MakeReading) -> None:
    add(folder, "a", day="2026-03-01")
    add(folder, "b", day="2026-03-02")
    source = reading(
        "delta_table", url=str(folder), format="arrow", partitions={"day": "2026-03-02"}, columns=["prediction_id"]
    )
    assert source.read() == ["b"]


def test_a_table_that_is_not_there_is_unavailable(folder: Path, reading: MakeReading) -> None:
    with pytest.raises(Unavailable, match="there is no Delta table at"):
        reading("delta_table", url=str(folder)).read()
