"""The inbox: durable before it is acknowledged, one answer per idempotency key, full and well again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collectors.inbox import Answer, Batch, Delivery, Inbox
from monitor.errors import Unavailable
from monitor.lake import Kind
from monitor.records import Refusal

ROOM = 64 * 2**20


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    opened = Inbox(tmp_path / "inbox.sqlite", ROOM)
    yield opened
    opened.close()


@pytest.fixture
def delivery(now: datetime) -> Delivery:
    return Delivery(now, "test", Kind.PREDICTIONS, Answer(202, b"{}"), [Batch(Kind.PREDICTIONS, "m", 2, b"two")])


def with_key(delivery: Delivery, key: str, body: bytes = b"first") -> Delivery:
    return Delivery(
        delivery.received_at, "test", delivery.kind, Answer(202, body), delivery.batches, delivery.refusals, key
    )


def test_what_was_appended_is_in_the_file_when_append_returns(inbox: Inbox, delivery: Delivery) -> None:
    inbox.append(delivery)
    reader = sqlite3.connect(inbox.path)
    assert reader.execute("SELECT kind, model, n, payload FROM inbox").fetchall() == [("predictions", "m", 2, b"two")]
    reader.close()


def test_commits_are_synchronous_and_in_a_write_ahead_log(inbox: Inbox) -> None:
    assert inbox._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert inbox._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_deliveries_that_arrive_together_share_a_commit(inbox: Inbox, delivery: Delivery) -> None:
    statements: list[str] = []
    with inbox._using:  # the writer waits for us, so everything below arrives together
        futures = [inbox.submit(delivery) for _ in range(200)]
        inbox._connection.set_trace_callback(statements.append)
    assert all(future.result().answer.status == 202 for future in futures)
    assert len([statement for statement in statements if statement.startswith("BEGIN")]) <= 2
    assert inbox.records_waiting() == 400


def test_many_threads_lose_nothing(inbox: Inbox, delivery: Delivery) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(inbox.append, [delivery] * 300))
    assert inbox.records_waiting() == 600


def test_a_repeated_key_gets_the_first_answer_and_stores_nothing(inbox: Inbox, delivery: Delivery) -> None:
    first = inbox.append(with_key(delivery, "k"))
    again = inbox.append(with_key(delivery, "k", b"second"))
    assert (first.repeated, again.repeated) == (False, True)
    assert again.answer == Answer(202, b"first")
    assert inbox.records_waiting() == 2


def test_repeats_that_arrive_together_are_stored_once(inbox: Inbox, delivery: Delivery) -> None:
    with inbox._using:
        futures = [inbox.submit(with_key(delivery, "k", str(n).encode())) for n in range(5)]
    assert {future.result().answer.body for future in futures} == {b"0"}
    assert inbox.records_waiting() == 2


def test_keys_are_remembered_across_a_restart_and_forgotten_after_a_week(
    tmp_path: Path, delivery: Delivery, now: datetime
) -> None:
    first = Inbox(tmp_path / "inbox.sqlite", ROOM)
    first.append(with_key(delivery, "k"))
    first.close()
    second = Inbox(tmp_path / "inbox.sqlite", ROOM)
    assert second.collector_id == first.collector_id
    second.forget_keys(now + timedelta(days=6))
    assert second.append(with_key(delivery, "k")).repeated
    second.forget_keys(now + timedelta(days=8))
    assert not second.append(with_key(delivery, "k")).repeated
    second.close()


def test_the_same_key_for_labels_is_another_key(inbox: Inbox, delivery: Delivery, now: datetime) -> None:
    inbox.append(with_key(delivery, "k"))
    labels = Delivery(now, "test", Kind.LABELS, Answer(202, b"labels"), key="k")
    assert not inbox.append(labels).repeated


def test_a_full_inbox_is_unavailable_and_recovers_when_it_is_emptied(tmp_path: Path, now: datetime) -> None:
    inbox = Inbox(tmp_path / "inbox.sqlite", 2**20)
    batch = Batch(Kind.PREDICTIONS, "m", 1, b"x" * 2**18)
    delivery = Delivery(now, "test", Kind.PREDICTIONS, Answer(202, b""), [batch])
    inbox.append(delivery)
    inbox.append(delivery)
    with pytest.raises(Unavailable, match=r"inbox_max_bytes is 1048576"):
        inbox.append(replace(delivery, batches=[batch] * 3))
    assert inbox.records_waiting() == 2
    inbox.forget("m", Kind.PREDICTIONS, 1_000)
    inbox.append(delivery)
    assert inbox.records_waiting() == 1
    inbox.close()


def test_a_full_disk_is_unavailable_stores_nothing_and_recovers(inbox: Inbox, now: datetime) -> None:
    pages = inbox._connection.execute("PRAGMA page_count").fetchone()[0]
    inbox._connection.execute(f"PRAGMA max_page_count={pages + 1}")  # SQLite's own "database or disk is full"
    large = Delivery(now, "test", Kind.PREDICTIONS, Answer(202, b""), [Batch(Kind.PREDICTIONS, "m", 1, b"x" * 2**20)])
    with pytest.raises(Unavailable, match="disk is full"):
        inbox.append(large)
    assert inbox.records_waiting() == 0
    inbox._connection.execute("PRAGMA max_page_count=1073741823")
    inbox.append(large)
    assert inbox.records_waiting() == 1


def test_close_stores_what_was_handed_in_and_then_refuses(tmp_path: Path, delivery: Delivery) -> None:
    inbox = Inbox(tmp_path / "inbox.sqlite", ROOM)
    futures = [inbox.submit(delivery) for _ in range(50)]
    inbox.close()
    assert all(future.done() and future.result() for future in futures)
    with pytest.raises(Unavailable, match="shutting down"):
        inbox.submit(delivery)
    inbox.close()
    again = Inbox(tmp_path / "inbox.sqlite", ROOM)
    assert again.records_waiting() == 100
    again.close()


def test_a_delivery_nobody_waits_for_any_more_is_not_stored(inbox: Inbox, delivery: Delivery) -> None:
    with inbox._using:
        inbox.submit(delivery)  # the writer has this one in hand
        futures = [inbox.submit(delivery) for _ in range(3)]
        given_up = [future.cancel() for future in futures]
    inbox.append(delivery)
    assert inbox.records_waiting() == 2 * (2 + given_up.count(False))


def test_rows_come_oldest_first_up_to_the_number_of_records_asked_for(inbox: Inbox, delivery: Delivery) -> None:
    for _ in range(5):
        inbox.append(delivery)
    assert [row.id for row in inbox.rows("m", Kind.PREDICTIONS, 4)] == [1, 2]
    assert [row.id for row in inbox.rows("m", Kind.PREDICTIONS, 1)] == [1]
    assert len(inbox.rows("m", Kind.PREDICTIONS, 1_000)) == 5
    assert inbox.rows("m", Kind.LABELS, 10) == []


def test_row_numbers_are_never_used_again(inbox: Inbox, delivery: Delivery) -> None:
    inbox.append(delivery)
    inbox.forget("m", Kind.PREDICTIONS, 1)
    inbox.append(delivery)
    assert [row.id for row in inbox.rows("m", Kind.PREDICTIONS, 1)] == [2]


def test_predictions_are_flushed_before_labels(inbox: Inbox, now: datetime) -> None:
    for kind in (Kind.LABELS, Kind.PREDICTIONS):
        inbox.append(Delivery(now, "test", kind, Answer(202, b""), [Batch(kind, "m", 1, b"")]))
    assert inbox.waiting() == [("m", Kind.PREDICTIONS), ("m", Kind.LABELS)]


def test_refusals_are_kept_bounded_and_with_their_true_size(inbox: Inbox, now: datetime) -> None:
    refusal = Refusal(index=0, reason="bad \x00 \ud800", model="m" * 300, payload=b"x" * 100_000)
    inbox.append(Delivery(now, "test", Kind.LABELS, Answer(422, b""), refusals=[refusal]))
    (row,) = inbox.refused()
    assert row.reason == "bad \\x00 \\ud800 (100000 bytes were sent; the first 65536 are kept)"
    assert len(row.payload) == 65536
    assert row.model is not None
    assert len(row.model) == 200
    inbox.forget_refused(row.id)
    assert inbox.refused() == []
