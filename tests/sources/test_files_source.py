"""Files: every line once, whatever happens to the file."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from collectors.joiner import Joiner
from collectors.sources.files import FilesSource
from collectors.sources.files_seen import Book
from monitor.errors import ConfigError
from monitor.lake import Kind
from tests.sources.conftest import Clock, MakeReading, line, lines


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder / "app.jsonl"


def age(path: Path, clock: Clock, seconds: float) -> None:
    at = clock.now.timestamp() - seconds
    os.utime(path, (at, at))


def test_lines_are_taken_as_they_come(reading: MakeReading, log: Path) -> None:
    source = reading("files", path=str(log))
    assert source.read() == []
    log.write_bytes(lines("a", "b"))
    assert source.read() == ["a", "b"]
    append(log, lines("c"))
    assert source.read() == ["a", "b", "c"]
    assert source.read() == ["a", "b", "c"]
    assert {record.source for record in source.records()} == {"test"}


def test_events_that_name_their_model_have_that_models_mapping(reading: MakeReading, log: Path, clock: Clock) -> None:
    mappings = {"income": {"columns": ["age", "hours"]}, "": {"columns": ["no", "body"]}}
    source = reading("files", path=str(log), model="", format="auto", limits={"mappings": mappings})
    log.write_bytes(
        event("request", {"inputs": [tensor("x", 39, 40)]}) + event("response", {"outputs": [tensor("p", 1)]})
    )
    age(log, clock, 60)
    source.read()
    Joiner(source.inbox.writing, source.context.limits).run(clock.now)
    (record,) = source.records()
    assert (record.features, record.prediction) == ({"age": 39, "hours": 40}, 1)
    assert source.inbox.waiting() == [("income", Kind.PREDICTIONS)]


def test_the_model_s_mapping_tells_the_format_of_a_log_of_one_s_own(reading: MakeReading, log: Path) -> None:
    mappings = {"bike": {"fields": {"prediction_id": "id", "prediction": "answer"}, "features_at": "inputs"}}
    source = reading("files", path=str(log), model="bike", format="auto", limits={"mappings": mappings})
    log.write_bytes(b'{"id": "a", "inputs": {"temp": 0.2}, "answer": 12}\n')
    assert source.read() == ["a"]
    (record,) = source.records()
    assert (record.features, record.prediction) == ({"temp": 0.2}, 12)


def event(side: str, body: dict[str, Any]) -> bytes:
    """A V2 body that MLServer's middleware has marked as one of the model `income`."""
    marks = {"Ce-Type": f"io.seldon.serving.inference.{side}", "Ce-Requestid": "r-1", "Ce-Modelid": "income"}
    return json.dumps({**body, "parameters": {"headers": marks}}).encode() + b"\n"


def tensor(name: str, *values: int) -> dict[str, Any]:
    return {"name": name, "shape": [1, len(values)], "datatype": "INT64", "data": values}


def test_a_line_without_its_end_waits_for_it(reading: MakeReading, log: Path) -> None:
    source = reading("files", path=str(log))
    log.write_bytes(lines("a") + line("b")[:20])
    assert source.read() == ["a"]
    append(log, line("b")[20:] + line("c")[:-1])
    assert source.read() == ["a", "b"]
    append(log, b"\n")
    assert source.read() == ["a", "b", "c"]
    assert source.refused() == []


def test_a_last_line_that_is_whole_and_old_needs_no_end(reading: MakeReading, log: Path, clock: Clock) -> None:
    source = reading("files", path=str(log), complete_seconds=5)
    log.write_bytes(lines("a") + line("b")[:-1])
    age(log, clock, 60)
    assert source.read() == ["a", "b"]


def test_half_a_line_is_never_taken_however_old_it_is(reading: MakeReading, log: Path, clock: Clock) -> None:
    source = reading("files", path=str(log), complete_seconds=5)
    log.write_bytes(lines("a") + line("b")[:20])
    age(log, clock, 3600)
    assert source.read() == ["a"]
    append(log, line("b")[20:])
    assert source.read() == ["a", "b"]


def test_a_restart_goes_on_where_it_was(reading: MakeReading, log: Path) -> None:
    source = reading("files", path=str(log))
    log.write_bytes(lines("a", "b"))
    source.read()
    append(log, lines("c"))
    source.restart()
    assert source.read() == ["a", "b", "c"]


def test_a_renamed_file_is_no_new_one_and_its_rest_is_read_first(reading: MakeReading, log: Path) -> None:
    source = reading("files", path=str(log))
    log.write_bytes(lines("a"))
    source.read()
    append(log, lines("b"))
    log.rename(log.with_name("app.jsonl.1"))
    log.write_bytes(lines("c"))
    assert source.read() == ["a", "b", "c"]


def test_rotation_while_nobody_reads_loses_nothing(reading: MakeReading, log: Path) -> None:
    source = reading("files", path=str(log))
    log.write_bytes(lines("a" * 50))
    source.read()
    source.close()
    append(log, lines("b" * 50))
    log.rename(log.with_name("app.jsonl.1"))
    log.write_bytes(lines("c" * 50))
    source.restart()
    assert source.read() == ["a" * 50, "b" * 50, "c" * 50]


@pytest.mark.parametrize("relative", [False, True])
def test_logs_that_came_and_went_while_nobody_read_are_found_beside(
    reading: MakeReading, log: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    monkeypatch.chdir(log.parent)
    old = log.with_name("app.jsonl.0")
    old.write_bytes(lines("long ago"))
    age(old, clock, 10_000)
    source = reading("files", path="./app.jsonl" if relative else str(log))
    log.write_bytes(lines("a"))
    age(log, clock, 1_000)
    assert source.read() == ["a"]
    source.close()
    for number, each in enumerate(("b", "c", "d"), start=1):
        log.rename(log.with_name(f"app.jsonl.{number}"))
        log.write_bytes(lines(each))
        age(log, clock, 1_000 - number)
    log.with_name("app.jsonl-errors").write_bytes(b"")
    source.restart()
    assert source.read() == ["a", "b", "c", "d"]
    assert source.read() == ["a", "b", "c", "d"]


def test_a_log_that_is_rotated_between_a_look_and_its_reading_is_found_by_the_next(
    reading: MakeReading, log: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    source = reading("files", path=str(log))
    log.write_bytes(lines("a"))
    age(log, clock, 1_000)
    assert source.read() == ["a"]
    log.rename(log.with_name("app.jsonl.1"))
    log.write_bytes(lines("b"))
    real = FilesSource._look

    def rotated_after_the_look(self: FilesSource, book: Book) -> list[object]:
        found = real(self, book)
        if not log.with_name("app.jsonl.2").exists():
            log.rename(log.with_name("app.jsonl.2"))
            log.write_bytes(lines("c"))
        return list(found)

    monkeypatch.setattr(FilesSource, "_look", rotated_after_the_look)
    assert source.read() == ["a", "b", "c"]


def test_a_pattern_that_covers_rotated_names_reads_each_line_once(reading: MakeReading, log: Path) -> None:
    source = reading("files", path=str(log.with_name("app.jsonl*")))
    log.write_bytes(lines("a", "b"))
    source.read()
    for number in (3, 2, 1):
        older = log.with_name(f"app.jsonl.{number}")
        if older.exists():
            older.rename(log.with_name(f"app.jsonl.{number + 1}"))
    log.rename(log.with_name("app.jsonl.1"))
    log.write_bytes(lines("c"))
    assert source.read() == ["a", "b", "c"]


@pytest.mark.parametrize("pattern", ["app.jsonl", "app.jsonl*"])
def test_copytruncate_reads_each_line_once(reading: MakeReading, log: Path, pattern: str) -> None:
    source = reading("files", path=str(log.with_name(pattern)))
    log.write_bytes(lines("a", "b"))
    source.read()
    append(log, lines("c"))  # is only in the copy when the source looks again
    shutil.copyfile(log, log.with_name("app.jsonl.1"))
    os.truncate(log, 0)
    append(log, lines("d"))
    assert sorted(source.read()) == ["a", "b", "c", "d"]
    assert sorted(source.read()) == ["a", "b", "c", "d"]


def test_several_copytruncates_while_nobody_read_lose_nothing(reading: MakeReading, log: Path, clock: Clock) -> None:
    source = reading("files", path=str(log))
    log.write_bytes(lines("a" * 70))
    age(log, clock, 1_000)
    assert source.read() == ["a" * 70]
    source.close()
    for number, each in enumerate("bc", start=1):
        append(log, lines(each * 70))
        shutil.copyfile(log, log.with_name(f"app.jsonl.{number}"))
        os.truncate(log, 0)
    append(log, lines("d" * 70))
    source.restart()
    assert source.read() == [each * 70 for each in "abcd"]
    assert source.read() == [each * 70 for each in "abcd"]


def test_a_truncated_file_that_grew_beyond_its_old_length_is_read_from_its_beginning(
    reading: MakeReading, log: Path
) -> None:
    source = reading("files", path=str(log))
    log.write_bytes(lines("a"))
    source.read()
    log.write_bytes(lines("b", "c", "d"))
    assert source.read() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("pattern", ["app.jsonl", "app.jsonl*"])
def test_a_packed_rotation_is_skipped_but_for_what_was_not_read(
    reading: MakeReading, log: Path, pattern: str, clock: Clock
) -> None:
    source = reading("files", path=str(log.with_name(pattern)))
    log.write_bytes(lines("a", "b"))
    source.read()
    append(log, lines("c"))
    packed = log.with_name("app.jsonl.1.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    log.write_bytes(lines("d"))
    assert source.read() == ["a", "b", "c", "d"]
    age(packed, clock, 100)
    assert source.read() == ["a", "b", "c", "d"]


def test_a_packed_file_that_nobody_read_is_read(reading: MakeReading, log: Path) -> None:
    log.with_name("app.jsonl.1.gz").write_bytes(gzip.compress(lines("a", "b")))
    assert reading("files", path=str(log.parent)).read() == ["a", "b"]


def test_a_new_name_every_day(reading: MakeReading, log: Path, clock: Clock) -> None:
    source = reading("files", path=str(log.parent))
    for day in (1, 2, 3):
        path = log.with_name(f"predictions-2026-03-0{day}.jsonl")
        path.write_bytes(lines(f"p{day}"))
        age(path, clock, 100 - day)
    assert source.read() == ["p1", "p2", "p3"]


def test_a_folder_is_read_with_all_below_it_but_for_hidden_and_temporary_files(reading: MakeReading, log: Path) -> None:
    for name in ("a/b/c.jsonl", "a/.hidden", "a/half.tmp"):
        path = log.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lines(name))
    assert reading("files", path=str(log.parent)).read() == ["a/b/c.jsonl"]


def test_a_table_is_taken_whole_once_it_is_complete(reading: MakeReading, log: Path, clock: Clock) -> None:
    path = log.with_name("day.parquet")
    parquet.write_table(pa.table({"prediction_id": ["a", "b"], "x": [1, 2], "prediction": [0, 1]}), path)
    source = reading("files", format="auto", path=str(log.parent), complete_seconds=5)
    age(path, clock, 1)
    assert source.read() == []
    clock.now += timedelta(seconds=10)
    assert source.read() == ["a", "b"]
    assert source.read() == ["a", "b"]


def test_rows_added_to_a_csv_are_read_with_its_header(reading: MakeReading, log: Path, clock: Clock) -> None:
    path = log.with_name("day.csv")
    path.write_bytes(b"prediction_id,age,prediction\na,1,0\n")
    age(path, clock, 10)
    source = reading("files", format="auto", path=str(path), complete_seconds=0)
    assert source.read() == ["a"]
    append(path, b"b,2,1\n")
    age(path, clock, 5)
    assert source.read() == ["a", "b"]
    assert [record.features for record in source.records()] == [{"age": 1}, {"age": 2}]


def test_schema_files_come_before_data_files(reading: MakeReading, log: Path, clock: Clock) -> None:
    data, schema = (log.parent / "mon" / name for name in ("data/data.1.log", "schema/schema.1.log"))
    for path, content in ((data, lines("d")), (schema, lines("s"))):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    age(data, clock, 100)
    assert reading("files", path=str(log.parent)).read() == ["s", "d"]


@pytest.mark.parametrize("bad", [b"not json\n", b"[INFO] a line in brackets\n"])
def test_bad_lines_are_refused_and_block_nothing(reading: MakeReading, log: Path, bad: bytes) -> None:
    log.write_bytes(bad + lines("a") + bad + lines("b"))
    source = reading("files", path=str(log))
    assert source.read() == ["a", "b"]
    append(log, bad + lines("c"))  # the first line of what a look finds
    assert source.read() == ["a", "b", "c"]
    assert len(source.refused()) == 3
    assert all("not JSON" in reason for reason in source.refused())


def test_a_long_file_is_taken_in_pieces(reading: MakeReading, log: Path) -> None:
    ids = [f"p{number}" for number in range(40_000)]
    log.write_bytes(lines(*ids))
    assert log.stat().st_size > 2 * 2**20
    source = reading("files", path=str(log))
    assert source.read() == ids


def test_a_line_longer_than_any_record_does_not_stop_the_reading(reading: MakeReading, log: Path) -> None:
    log.write_bytes(lines("a") + b"x" * 5_000 + b"\n" + lines("b"))
    source = reading("files", path=str(log), limits={"max_body_bytes": 2048})
    assert source.read() == ["a", "b"]
    assert source.refused()


def test_an_unreadable_file_is_said_once_and_stops_nothing(
    reading: MakeReading, log: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    broken = log.with_name("app.jsonl.gz")
    broken.write_bytes(gzip.compress(lines("z"))[:-12])
    age(broken, clock, 100)
    log.write_bytes(lines("a"))
    source = reading("files", path=str(log.parent))
    assert source.read() == ["a"]
    append(log, lines("b"))
    assert source.read() == ["a", "b"]
    assert [record.message for record in caplog.records if "gz" in record.message].__len__() == 1


def test_thousands_of_files_that_are_read_cost_no_reading(reading: MakeReading, log: Path, clock: Clock) -> None:
    for number in range(300):
        path = log.with_name(f"{number:04}.jsonl")
        path.write_bytes(lines(f"p{number}"))
        age(path, clock, 1000 - number)
    source = reading("files", path=str(log.parent))
    assert len(source.read()) == 300
    assert source.runner.read_available() is False


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, r"collector\.sources\.test\.path: Field required"),
        ({"path": "/x", "pth": 1}, r"collector\.sources\.test\.pth: there is no such setting; accepted: kind, .*path"),
        ({"path": "/x", "complete_seconds": -1}, r"complete_seconds: Input should be greater"),
    ],
)
def test_settings_that_are_wrong_are_named(reading: MakeReading, settings: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        reading("files", **settings).read()
