"""Logs on this machine: found, opened, unpacked, and cut into pieces that end with a line."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.formats import LogFormat, find_format
from monitor.app import log_files as files
from monitor.app.log_files import goes_by_lines, log_files, open_log, pieces
from monitor.errors import NotFound

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def test_files_of_a_folder_come_by_name_schemas_first_and_hidden_ones_not(tmp_path: Path) -> None:
    names = ["b.log", "a/data/data.1.log", "a/schema/schema.1.log", ".hidden", ".git/x", "c.log.tmp", "d/.x/e.log"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(each.relative_to(tmp_path)) for each in log_files(tmp_path)]
    assert found == ["a/schema/schema.1.log", "a/data/data.1.log", "b.log"]


def test_a_named_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    assert log_files(tmp_path / ".hidden") == [tmp_path / ".hidden"]


@pytest.mark.parametrize("piece_bytes", [1, 3, 7, 10_000])
def test_pieces_end_with_a_line_and_are_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", piece_bytes)
    body = b"one\n\nand a longer line\nlast"
    (tmp_path / "x").write_bytes(body)
    cut = list(pieces(open_log(tmp_path / "x", NOW), by_lines=True))
    assert b"".join(cut) == body
    assert all(piece.endswith(b"\n") for piece in cut[:-1])
    assert list(pieces(open_log(tmp_path / "x", NOW), by_lines=False)) == [body]


def test_an_empty_log_has_no_piece_by_lines(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert list(pieces(open_log(tmp_path / "x", NOW), by_lines=True)) == []


def test_what_is_packed_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 8)
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"one\ntwo\n" * 10))
    log = open_log(tmp_path / "x.gz", NOW)
    assert b"".join(pieces(log, by_lines=True)) == b"one\ntwo\n" * 10


def test_a_torn_archive_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 8)
    (tmp_path / "x.gz").write_bytes(gzip.compress(bytes(range(256)) * 500)[:-300])
    with pytest.raises(NotFound, match=r"file '.*x.gz' can't be read"):
        list(pieces(open_log(tmp_path / "x.gz", NOW), by_lines=False))


BY_LINES = {
    b'{"a": 1}\n{"a": 2}\n': True,
    b'\xef\xbb\xbf{"a": 1}\n': True,
    b'{"a": 1}': False,
    b'{"a":\n1}\n': False,
    b'[{"a": 1},\n{"a": 2}]': False,
    b"model,age\nchurn,39\n": False,
    b"[1]\n[2]\n": False,
}


@pytest.mark.parametrize("head", BY_LINES)
def test_one_json_object_per_line_may_be_cut_and_nothing_else(head: bytes) -> None:
    assert goes_by_lines(find_format("json"), head) is BY_LINES[head]


@pytest.mark.parametrize("name", ["uvicorn", "torchserve", "ray-serve", "kserve-lines", "bentoml-access"])
def test_logs_of_text_may_be_cut(name: str) -> None:
    log_format: LogFormat = find_format(name)
    assert goes_by_lines(log_format, log_format.example().body)
