"""Halves wait for each other in the inbox file, and leave it once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collectors import join_buffer
from collectors.deliveries import Answer, Delivery
from collectors.join_buffer import read_due, write
from collectors.joiner import Joiner, JoinReport
from collectors.settlement import settle
from collectors.wire import Half
from monitor.errors import Conflict
from monitor.lake import Kind
from tests.collectors.conftest import Rig

from .joining_rig import Buffer, buffer_in, request, response

LATER = timedelta(seconds=601)


@pytest.fixture
def buffer(tmp_path: Path) -> Iterator[Buffer]:
    with buffer_in(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("first", ["request", "response"])
@pytest.mark.parametrize("between", [0, 1, 2])
def test_a_call_is_joined_whichever_side_comes_first(buffer: Buffer, now: datetime, first: str, between: int) -> None:
    halves = [request("a", now), response("a", now)]
    one, other = halves if first == "request" else halves[::-1]
    buffer.put(now, one)
    for _ in range(between):
        assert buffer.joiner.step(now) == JoinReport()
    buffer.put(now, other)
    assert buffer.joiner.step(now) == JoinReport(joined=1, records=1)
    (record,) = buffer.records()
    assert (record["prediction_id"], record["features"], record["prediction"]) == ("a", {"age": 0}, 0)
    assert buffer.waiting == 0


def test_joined_records_keep_the_source_and_the_time_of_the_answer(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now), response("a", now), source="kafka")
    buffer.put(now, request("b", now), response("b", now), source="http")
    buffer.joiner.step(now)
    rows = buffer.connection.execute("SELECT source, model, kind, n FROM inbox ORDER BY source").fetchall()
    assert rows == [("http", "m", "predictions", 1), ("kafka", "m", "predictions", 1)]


def test_calls_of_one_key_in_two_models_stay_apart(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now, model="one"), request("a", now, model="two"))
    buffer.put(now, response("a", now, model="two"), response("a", now, model="one"))
    assert buffer.joiner.step(now).joined == 2
    assert sorted(record["model"] for record in buffer.records()) == ["one", "two"]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("nameless", ["request", "response"])
def test_a_side_that_names_no_model_belongs_to_the_one_that_does(
    buffer: Buffer, now: datetime, nameless: str, order: int
) -> None:
    halves = [request("a", now), response("a", now)]
    halves[nameless == "response"].model = None
    buffer.put(now, *halves[::order])
    assert buffer.joiner.step(now).joined == 1
    assert buffer.records()[0]["model"] == "m"


def test_a_side_that_names_no_model_is_joined_with_one_call_only(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now, model=None), response("a", now, model="one"), response("a", now, model="two"))
    assert buffer.joiner.step(now) == JoinReport(joined=1, records=1)
    assert buffer.joiner.step(now + LATER) == JoinReport(alone=1, records=1)
    assert [record["model"] for record in buffer.records()] == ["one", "two"]


def test_a_call_without_any_model_is_refused(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now, model=None), response("a", now, model=None))
    assert buffer.joiner.step(now) == JoinReport(joined=1, refused=1)
    ((reason, _),) = buffer.refused()
    assert reason.startswith("model is missing")


def test_unequal_rows_go_to_quarantine_with_both_sides(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now, 3), response("a", now, 2))
    assert buffer.joiner.step(now) == JoinReport(joined=1, refused=1)
    ((reason, sent),) = buffer.refused()
    assert reason.startswith("the request has 3 rows and its response 2;")
    assert sorted(half["side"] for half in sent) == ["request", "response"]
    assert (buffer.waiting, buffer.records()) == (0, [])


def test_a_joined_record_is_validated_like_any_other(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now), response("a", now, version="1\x00"), request("b", now), response("b", now))
    assert buffer.joiner.step(now) == JoinReport(joined=2, records=1, refused=1)
    ((reason, sent),) = buffer.refused()
    assert "holds a NUL character" in reason
    assert sent["prediction_id"] == "a"


def test_a_half_that_cannot_be_read_is_refused_and_holds_nothing_up(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now), response("a", now), request("b", now), response("b", now))
    with buffer.writing() as connection:
        connection.execute("UPDATE halves SET payload = x'c1' WHERE key = 'a' AND side = 'response'")
    assert buffer.joiner.step(now) == JoinReport(joined=2, records=1, refused=1)
    assert buffer.waiting == 0


def test_a_request_without_a_response_is_an_error(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now, 2))
    assert buffer.joiner.step(now + LATER - timedelta(seconds=2)) == JoinReport()
    assert buffer.joiner.step(now + LATER) == JoinReport(alone=1, records=2)
    assert [(r["prediction_id"], r["error"]) for r in buffer.records()] == [
        ("a", "no response"),
        ("a/1", "no response"),
    ]
    assert buffer.waiting == 0


def test_a_response_without_a_request_is_a_prediction_without_features(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, response("a", now))
    assert buffer.joiner.step(now + LATER) == JoinReport(alone=1, records=1)
    (record,) = buffer.records()
    assert (record["status_code"], record["prediction"], "features" in record) == (200, 0, False)


def test_a_call_that_is_complete_is_joined_however_late_the_step(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, *(request(str(n), now) for n in range(20)), *(response(str(n), now) for n in range(20)))
    assert buffer.joiner.run(now + LATER) == JoinReport(joined=20, records=20)


def test_the_time_of_receipt_counts_and_not_that_of_the_event(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now - timedelta(days=2)))
    assert buffer.joiner.step(now).alone == 0


def test_a_half_that_comes_twice_is_joined_once(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now), request("a", now), response("a", now), response("a", now))
    assert buffer.joiner.run(now) == JoinReport(joined=1, records=1)
    assert buffer.joiner.run(now + LATER) == JoinReport()


def test_a_half_that_comes_again_after_the_call_was_joined_has_the_same_prediction_id(
    buffer: Buffer, now: datetime
) -> None:
    for half in (request("a", now), response("a", now), response("a", now)):
        buffer.put(now, half)
        buffer.joiner.step(now)
    buffer.joiner.step(now + LATER)
    joined, again = buffer.records()
    assert joined["prediction_id"] == again["prediction_id"]  # which the flusher stores once


def test_a_step_looks_at_so_many_halves_and_says_that_there_are_more(
    buffer: Buffer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer.put(now, *(half for n in range(10) for half in (request(str(n), now), response(str(n), now))))
    due = read_due(buffer.connection, now + LATER, buffer.settings, most=8)
    assert ([len(due.pairs), len(due.late)], due.more) == ([4, 0], True)  # none is late before all were looked at
    monkeypatch.setattr(join_buffer, "_MOST_BYTES", 500)
    assert len(read_due(buffer.connection, now, buffer.settings).pairs) < 10
    report = buffer.joiner.run(now, most_steps=1)
    assert report.more
    report.add(buffer.joiner.run(now, most_steps=100))
    assert (report.joined, report.more, buffer.waiting) == (10, False, 0)


def test_late_halves_are_settled_so_many_at_a_time(
    buffer: Buffer, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer.put(now, *(request(str(n), now) for n in range(10)))
    buffer.joiner.step(now)
    due = read_due(buffer.connection, now + LATER, buffer.settings, most=4)
    assert ([half.id for half in due.late], due.more) == ([1, 2, 3, 4], True)
    monkeypatch.setattr(join_buffer, "_MOST_BYTES", 300)
    assert buffer.joiner.run(now + LATER, most_steps=100) == JoinReport(alone=10, records=10)


def test_calls_of_many_rows_become_batches_that_one_request_could_carry(tmp_path: Path, now: datetime) -> None:
    with buffer_in(tmp_path, max_records=10) as buffer:
        buffer.put(now, *(half for n in range(4) for half in (request(str(n), now, 6), response(str(n), now, 6))))
        assert buffer.joiner.step(now).records == 24
        counts = [n for (n,) in buffer.connection.execute("SELECT n FROM inbox ORDER BY id")]
    assert counts == [10, 10, 4]


def test_an_idle_step_writes_nothing(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now))
    buffer.joiner.step(now)
    before = buffer.connection.total_changes
    assert buffer.joiner.step(now) == JoinReport()
    assert buffer.connection.total_changes == before


def test_a_second_process_that_settled_the_same_calls_is_noticed(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now), response("a", now))
    due = read_due(buffer.connection, now, buffer.settings)
    settled = settle(due.calls, now, buffer.settings)
    buffer.joiner.step(now)
    with pytest.raises(Conflict, match="one flusher is allowed"), buffer.writing() as connection:
        write(connection, due, settled, now)
    assert len(buffer.records()) == 1


def test_nothing_is_lost_when_the_outcome_cannot_be_written(buffer: Buffer, now: datetime) -> None:
    buffer.put(now, request("a", now), response("a", now))
    with buffer.writing() as connection:
        connection.execute("CREATE TRIGGER full BEFORE DELETE ON halves BEGIN SELECT raise(ABORT, 'disk'); END")
    with pytest.raises(sqlite3.IntegrityError, match="disk"):
        buffer.joiner.step(now)
    with buffer.writing() as connection:
        connection.execute("DROP TRIGGER full")
    assert buffer.joiner.step(now) == JoinReport(joined=1, records=1)
    assert len(buffer.records()) == 1


def test_every_lookup_uses_an_index(buffer: Buffer) -> None:
    for statement in (join_buffer._NEW, join_buffer._LATE):
        plan = [row[3] for row in buffer.connection.execute(f"EXPLAIN QUERY PLAN {statement}", (0, 1))]
        assert [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step] == []


def test_calls_that_were_delivered_in_halves_reach_the_lake(rig: Rig, now: datetime) -> None:
    for half in (request("a", now, 2), response("a", now, 2), request("b", now)):
        deliver(rig, half)
    joiner_of(rig).run(now)
    rig.flush()
    assert {(row["prediction_id"], row["prediction"]) for row in rig.stored("m")} == {("a", "0"), ("a/1", "1")}
    joiner_of(rig).run(now + LATER)
    rig.flush()
    assert [row["error"] for row in rig.stored("m") if row["prediction_id"] == "b"] == ["no response"]


def test_a_repeated_half_counts_no_prediction_twice_in_the_lake(rig: Rig, now: datetime) -> None:
    for half in (request("a", now), response("a", now), request("a", now), response("a", now)):
        deliver(rig, half)
        joiner_of(rig).run(now)
    deliver(rig, request("a", now))
    joiner_of(rig).run(now + LATER)
    rig.flush()
    assert [(row["prediction_id"], row["prediction"]) for row in rig.stored("m")] == [("a", "0")]


def deliver(rig: Rig, half: Half) -> None:
    rig.inbox.append(Delivery(rig.now, "test", Kind.PREDICTIONS, Answer(202, b"{}"), halves=[half]))


def joiner_of(rig: Rig) -> Joiner:
    return Joiner(rig.inbox.writing, rig.settings)
