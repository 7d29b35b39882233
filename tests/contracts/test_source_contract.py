"""What every source must do, whoever wrote it: this runs over all that are registered."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from sqlalchemy import create_engine, text

from collectors.sources.registry import Piece, SourceContext, make_source
from monitor.config import CollectorSettings, SourceSettings
from monitor.errors import ConfigError
from monitor.plugins import SOURCES

NAMES = SOURCES.names()
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
# Members that need a server: their own tests have one. A third party's member is made with no settings at all.
NEEDS_A_SERVER = ("kafka", "prometheus")


def context(kind: str, **settings: Any) -> SourceContext:
    return SourceContext("here", SourceSettings(kind=kind, model="m", **settings), CollectorSettings(), lambda: NOW)


def files(folder: Path) -> dict[str, Any]:
    for number in (1, 2):
        (folder / f"{number}.jsonl").write_text(f'{{"prediction_id": "p{number}"}}\n')
    return {"path": str(folder)}


def objects(folder: Path) -> dict[str, Any]:
    files(folder)
    return {"url": f"file://{folder}"}


def delta(folder: Path) -> dict[str, Any]:
    for number in (1, 2):
        write_deltalake(str(folder / "t"), pa.table({"prediction_id": [f"p{number}"]}), mode="append")
    return {"url": str(folder / "t")}


def sql(folder: Path) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'shop.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER, prediction_id TEXT)"))
        connection.execute(text("INSERT INTO t VALUES (1, 'p1'), (2, 'p2')"))
    engine.dispose()
    return {"url": url, "table": "t", "cursor": "n", "batch_rows": 1}


WITH_CONTENT: dict[str, Callable[[Path], dict[str, Any]]] = {
    "files": files, "object_store": objects, "delta_table": delta, "sql_table": sql,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_a_plain_word(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


@pytest.mark.parametrize("name", NAMES)
def test_the_class_has_what_a_source_has(name: str) -> None:
    made = SOURCES.load(name)
    assert made.poll_seconds > 0
    assert (made.__doc__ or "").strip()
    for method in ("read", "done", "close"):
        assert inspect.isfunction(getattr(made, method))


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_it_does_not_know_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=r"collector\.sources\.here\.no_such_setting: there is no such setting"):
        make_source(context(name, no_such_setting=1))


def test_an_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"source kind 'pigeon' is not known; accepted: .*files, .*kafka"):
        make_source(context("pigeon"))


def test_every_member_is_read_here_or_in_a_test_of_its_own() -> None:
    ours = {"files", "object_store", "delta_table", "sql_table", "kafka", "prometheus"}
    assert ours == {*WITH_CONTENT, *NEEDS_A_SERVER}
    assert ours <= set(NAMES)


@pytest.mark.parametrize("name", WITH_CONTENT)
def test_reading_goes_on_from_any_position_that_json_has_carried(name: str, tmp_path: Path) -> None:
    settings = WITH_CONTENT[name](tmp_path)
    source = make_source(context(name, **settings))
    pieces = list(source.read(None))
    assert sum(bool(piece.body) for piece in pieces) == 2
    for number, piece in enumerate(pieces):
        position = json.loads(_json(piece.position))
        again = make_source(context(name, **settings))
        assert [_told(each) for each in again.read(position)] == [_told(each) for each in pieces[number + 1 :]]
        again.done(position)
        again.close()
    source.close()


@pytest.mark.parametrize("name", WITH_CONTENT)
def test_when_all_is_read_there_is_nothing_more(name: str, tmp_path: Path) -> None:
    source = make_source(context(name, **WITH_CONTENT[name](tmp_path)))
    position = [piece.position for piece in source.read(None)][-1]
    assert list(source.read(position)) == []
    source.close()


def _json(position: Any) -> bytes:
    import msgspec

    return msgspec.json.encode(position)


def _told(piece: Piece) -> tuple[Any, ...]:
    return piece.body, piece.path, _json(piece.position)
