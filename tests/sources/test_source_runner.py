"""The runner: a piece and its checkpoint are durable together, whatever fails in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from collectors.collector import Collector
from collectors.formats import find_format
from collectors.sources import runner as running
from collectors.sources.registry import Piece, SourceContext
from collectors.sources.runner import SourceRunner
from monitor.errors import Unavailable
from tests.sources.conftest import Clock, MakeReading, Reading, line, lines


class Script:
    """A source that yields what a test says. It remembers where it was asked to begin, and what it was told is done."""

    poll_seconds = 0.001

    def __init__(self, *bodies: bytes | Exception) -> None:
        self.bodies, self.began, self.finished, self.closed = list(bodies), [], [], 0
        self.began: list[Any]
        self.finished: list[Any]

    def read(self, position: Any) -> Iterator[Piece]:
        self.began.append(position)
        for number, body in enumerate(self.bodies[position or 0 :], start=(position or 0) + 1):
            if isinstance(body, Exception):
                self.bodies[number - 1] = b""
                raise body
            yield Piece(body, number, path=f"piece {number}")

    def done(self, position: Any) -> None:
        self.finished.append(position)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def scripted(reading: MakeReading) -> Callable[..., tuple[Reading, Script]]:
    def build(*bodies: bytes | Exception, **settings: Any) -> tuple[Reading, Script]:
        source, script = reading("files", path="unused", **settings), Script(*bodies)
        source.runner = SourceRunner(source.context, Collector(source.inbox, source.context.limits), lambda _: script)
        return source, script

    return build


Scripted = Callable[..., tuple[Reading, Script]]


def test_small_pieces_become_durable_together_and_the_source_is_told(scripted: Scripted) -> None:
    source, script = scripted(line("a"), line("b"), line("c"))
    assert source.read() == ["a", "b", "c"]
    assert script.finished == [3]
    state = source.state()
    assert (state.position, state.accepted, state.refused, state.read_at) == (3, 3, 0, source.context.clock())


def test_what_fails_is_read_again_from_the_last_durable_position(
    scripted: Scripted, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_LONGEST_PAUSE", 0.001)
    source, script = scripted(line("a"), Unavailable("the store is away"), line("c"))
    stop = threading.Event()
    thread = threading.Thread(target=source.runner.run, args=(stop,))
    thread.start()
    while len(source.ids()) < 2:
        stop.wait(0.001)
    stop.set()
    thread.join()
    assert source.ids() == ["a", "c"]
    assert [record.message for record in caplog.records] == ["source 'test': the store is away; trying again in 0 s"]
    assert script.closed >= 1
    assert script.began[:2] == [None, None]


def test_a_full_inbox_is_waited_for_and_nothing_is_lost(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(running, "_LONGEST_PAUSE", 0.001)
    source, _ = scripted(line("a"))
    append, failures = source.inbox.append, iter([True, True, False])

    def full(delivery: Any) -> Any:
        if next(failures):
            raise Unavailable("the inbox has no room")
        return append(delivery)

    monkeypatch.setattr(source.inbox, "append", full)
    assert source.read() == ["a"]
    assert [record.message for record in caplog.records] == ["source 'test' waits 0 s: the inbox has no room"] * 2


def test_a_format_that_fails_refuses_the_piece_and_goes_on(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    real = type(find_format("json")).decode

    def decode(self: Any, log: Any) -> Any:
        if b"poison" in log.body:
            raise RuntimeError("a bug")
        return real(self, log)

    monkeypatch.setattr(type(find_format("json")), "decode", decode)
    source, _ = scripted(line("a"), b"poison", line("b"))
    assert source.read() == ["a", "b"]
    assert source.refused() == ["format 'json' failed: a bug"]


def test_a_long_piece_is_taken_up_again_in_its_middle(scripted: Scripted) -> None:
    count = 35_000
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"prediction_id": [f"p{n}" for n in range(count)], "prediction": [1] * count}), sink)
    body = sink.getvalue().to_pybytes()
    source, script = scripted(body, line("z"), format="parquet")
    for expected in (10_000, 20_000):
        taken = source.runner._take(next(script.read(None)))
        for _ in range(expected // 10_000 if not source.ids() else 1):
            source.runner._gather(next(taken), threading.Event())
        source.runner._deliver(threading.Event())
        source.runner.close()
        assert source.state().position is None
        assert source.state().part == len(source.ids()) // 10_000
        source.runner._open()
    script.bodies[1] = b""
    assert source.read() == [f"p{n}" for n in range(count)]
    assert (source.state().position, source.state().part) == (2, 0)


def test_the_formats_memory_lives_as_long_as_the_checkpoint(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = type(find_format("json")).decode, []

    def decode(self: Any, log: Any) -> Any:
        seen.append(dict(log.memory))
        log.memory["calls"] = log.memory.get("calls", 0) + 1
        return real(self, log)

    monkeypatch.setattr(type(find_format("json")), "decode", decode)
    source, script = scripted(line("a"), line("b"))
    source.read()
    script.bodies.append(line("c"))
    source.runner.close()
    source.read()
    assert seen == [{}, {"calls": 1}, {"calls": 2}]


def test_a_source_of_which_everything_is_refused_is_paused_and_tried_again(
    reading: MakeReading, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    limits = {"pause_after_records": 3, "pause_after_seconds": 1, "pause_probe_seconds": 60}
    source, script = reading("files", path="unused", limits=limits), Script()
    source.runner = SourceRunner(source.context, Collector(source.inbox, source.context.limits), lambda _: script)
    for _ in range(4):
        script.bodies += [b"bad"]
        source.read()
        clock.now += timedelta(seconds=1)
    assert "is paused: 3 records in a row were refused" in caplog.text or "is paused: 4 records" in caplog.text
    refused = len(source.refused())
    script.bodies += [b"bad"] * 100 + [line("a")]
    source.read()
    assert len(source.refused()) == refused
    clock.now += timedelta(seconds=61)
    source.read()
    assert len(source.refused()) == refused + 1
    script.bodies[source.state().position] = line("good")
    clock.now += timedelta(seconds=61)
    source.read()
    assert "good" in source.ids()
    assert "a" in source.read()


def test_two_sources_share_an_inbox_and_keep_their_places(reading: MakeReading, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines("a"))
    (tmp_path / "b.jsonl").write_bytes(lines("b"))
    source = reading("files", path=str(tmp_path / "a.jsonl"))
    source.read()
    settings = source.context.settings.model_copy(update={"path": str(tmp_path / "b.jsonl")})
    context = SourceContext("other", settings, source.context.limits, source.context.clock)
    other = SourceRunner(context, Collector(source.inbox, source.context.limits))
    while other.read_available():
        pass
    other.close()
    assert source.read() == ["a", "b"]
    assert {record.source for record in source.records()} == {"test", "other"}
