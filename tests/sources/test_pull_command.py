"""`kedge pull` and `kedge sources`: what is configured is read, and what is wrong is one line."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from deltalake import DeltaTable

from monitor.app.control import clock
from monitor.app.pull import Pull, holding_sources
from monitor.config import load_settings
from monitor.db.pauses import read_pauses
from monitor.lake import Kind, Lake
from tests.cli.conftest import Kedge, kedge
from tests.sources.conftest import lines

__all__ = ["kedge"]


@pytest.fixture
def settings(tmp_path: Path, kedge: Kedge, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file with one source, whose log has two lines."""
    (tmp_path / "app.jsonl").write_bytes(lines("a", "b"))
    path = tmp_path / "kedge.toml"
    path.write_text('[collector.sources.app]\nkind = "files"\npath = "app.jsonl"\nmodel = "m"\nformat = "json"\n')
    return path


def stored(folder: Path) -> list[str]:
    table = DeltaTable(Lake(str(folder / ".kedge" / "lake")).uri("m", Kind.PREDICTIONS)).to_pyarrow_table()
    return sorted(table.column("prediction_id").to_pylist())


def test_pull_once_reads_what_is_there_and_writes_it_to_the_lake(settings: Path, kedge: Kedge) -> None:
    assert kedge("pull", "--once").out == "app: 2 records accepted, 0 refused\n"
    assert stored(settings.parent) == ["a", "b"]
    assert kedge("pull", "--once", "--json").json == [{"source": "app", "accepted": 0, "refused": 0, "failure": ""}]


def test_sources_list_says_how_far_each_is_read(settings: Path, kedge: Kedge) -> None:
    (before,) = kedge("sources", "list", "--json").json
    assert (before["name"], before["kind"], before["records"], before["read_at"]) == ("app", "files", 0, None)
    kedge("pull", "--once")
    (after,) = kedge("sources", "list", "--json").json
    assert (after["records"], after["refused"]) == (2, 0)
    assert after["behind_seconds"] >= 0
    assert after["position"]["files"]
    assert "position" not in kedge("sources", "list").out


def test_a_source_that_cant_be_read_ends_with_status_3_and_the_others_are_read(settings: Path, kedge: Kedge) -> None:
    settings.write_text(
        settings.read_text() + '[collector.sources.gone]\nkind = "delta_table"\nurl = "/nowhere/table"\n'
    )
    ended = kedge("pull", "--once")
    assert ended.status == 3
    assert "source 'gone': there is no Delta table at '/nowhere/table' yet" in ended.err
    assert stored(settings.parent) == ["a", "b"]


def test_only_the_named_sources_are_read(settings: Path, kedge: Kedge) -> None:
    (settings.parent / "b.jsonl").write_bytes(lines("z"))
    settings.write_text(
        settings.read_text()
        + '[collector.sources.other]\nkind = "files"\npath = "b.jsonl"\nmodel = "m"\nformat = "json"\n'
    )
    assert kedge("pull", "other", "--once").out == "other: 1 records accepted, 0 refused\n"
    assert kedge("pull", "nope", "--once").error == "source 'nope' is not in the settings; known: app, other"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no source is configured; add a table [collector.sources.NAME] with its kind to the settings"),
        ('[collector.sources.x]\nkind = "pigeon"\n', "source kind 'pigeon' is not known"),
        ('[collector.sources.x]\npath = "x"\n', "collector.sources.x.kind: Field required"),
        ('[collector.sources.x]\nkind = "files"\n', "collector.sources.x.path: Field required"),
    ],
)
def test_settings_that_are_wrong_end_it_before_anything_is_read(
    settings: Path, kedge: Kedge, text: str, told: str
) -> None:
    settings.write_text(text)
    ended = kedge("pull")
    assert ended.status == 2
    assert told in ended.error


def test_two_processes_never_read_the_same_sources(settings: Path, kedge: Kedge) -> None:
    with holding_sources(load_settings()):
        assert "another `kedge pull` reads the sources of '.kedge'" in kedge("pull", "--once").error


def test_secrets_of_a_source_are_not_shown(settings: Path, kedge: Kedge) -> None:
    settings.write_text(
        '[collector.sources.k]\nkind = "kafka"\nbrokers = "b:1"\ntopics = ["t"]\n'
        '[collector.sources.k.config]\n"sasl.password" = "hunter2"\n'
        '[collector.sources.s]\nkind = "sql_table"\nurl = "postgresql://u:hunter2@h/d"\ncursor = "id"\ntable = "t"\n'
    )
    assert "hunter2" not in kedge("config", "show").out
    assert "hunter2" not in kedge("config", "show", "--json").out


def test_a_paused_source_is_told_of(settings: Path, kedge: Kedge) -> None:
    (settings.parent / "app.jsonl").write_bytes(b'{"bad": 1}\n' * 50)
    settings.write_text(f"[collector]\npause_after_records = 5\npause_after_seconds = 0\n{settings.read_text()}")
    pull = Pull(load_settings())
    pull.read_once()
    for _ in range(2):
        pull._tell_pauses()
    with pull.db.reading() as session:
        (paused,) = read_pauses(session, clock())
    pull.close()
    assert (paused.source, paused.refused) == ("app", 50)


def test_the_process_reads_until_it_is_stopped(settings: Path, kedge: Kedge) -> None:
    stop = threading.Event()
    pull = Pull(load_settings())
    thread = threading.Thread(target=pull.run, args=(stop,))
    thread.start()
    while pull.inbox.records_waiting() < 2:
        stop.wait(0.005)
    with (settings.parent / "app.jsonl").open("ab") as file:
        file.write(lines("c"))
    while pull.inbox.records_waiting() < 3:
        stop.wait(0.005)
    stop.set()
    thread.join()
    pull.close()
    assert stored(settings.parent) == ["a", "b", "c"]
