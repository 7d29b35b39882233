"""The inbox: durable before it is acknowledged, one answer per idempotency key, full and well again."""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from collectors.deliveries import Answer, Batch, Delivery
from collectors.inbox import Inbox
from collectors.inbox_file import micros
from collectors.inbox_reader import InboxReader
from collectors.segments import SMALLEST
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
        delivery.received_at, "test", delivery.kind, Answer(202, body), delivery.batches, delivery.refusals, key=key
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


def keyed(delivery: Delivery, digest: bytes, *, accepted: bool = True) -> Delivery:
    """A delivery under the key `k`, with what is left behind when that came before with something else."""
    refusal = Refusal(index=-1, reason="another body", payload=digest)
    conflict = replace(delivery, answer=Answer(409, b"conflict"), batches=[], refusals=[refusal])
    return replace(
        delivery, key="k", digest=digest, conflict=conflict, batches=delivery.batches if accepted else [], refusals=[]
    )


def test_a_known_key_with_something_else_is_a_conflict_and_kept_in_quarantine(inbox: Inbox, delivery: Delivery) -> None:
    assert not inbox.append(keyed(delivery, b"one")).conflict
    other = inbox.append(keyed(delivery, b"two"))
    assert (other.answer.status, other.conflict, other.repeated) == (409, True, False)
    assert [row.payload for row in inbox.refused()] == [b"two"]
    assert inbox.append(keyed(delivery, b"one")).repeated
    assert inbox.records_waiting() == 2


def test_a_key_under_which_nothing_was_accepted_is_free_again(inbox: Inbox, delivery: Delivery) -> None:
    inbox.append(keyed(delivery, b"bad", accepted=False))
    corrected = inbox.append(keyed(delivery, b"good"))
    assert (corrected.repeated, corrected.conflict) == (False, False)
    assert inbox.append(keyed(delivery, b"bad", accepted=False)).conflict


def test_an_inbox_from_before_digests_opens_and_its_keys_still_hold(tmp_path: Path, delivery: Delivery) -> None:
    path = tmp_path / "inbox.sqlite"
    Inbox(path, ROOM).close()
    old = sqlite3.connect(path)
    old.execute("ALTER TABLE idempotency DROP COLUMN digest")
    old.execute("ALTER TABLE quarantine ADD COLUMN origin TEXT")
    old.execute("INSERT INTO idempotency VALUES ('predictions/k', 202, 'old', ?)", (micros(delivery.received_at),))
    old.commit()
    old.close()
    inbox = Inbox(path, ROOM)
    receipt = inbox.append(keyed(delivery, b"unknown then"))
    assert (receipt.repeated, receipt.answer.status) == (True, 202)
    inbox.append(replace(delivery, refusals=[Refusal(index=0, reason="bad")]))
    assert len(inbox.refused()) == 1
    inbox.close()


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


def test_one_that_does_not_fit_leaves_room_for_those_that_came_with_it(tmp_path: Path, delivery: Delivery) -> None:
    inbox = Inbox(tmp_path / "inbox.sqlite", 2**20)
    large = replace(delivery, batches=[Batch(Kind.PREDICTIONS, "m", 1, b"x" * 2**20)])
    with inbox._using:  # the writer waits for us, so these arrive together
        inbox.submit(delivery)
        futures = [inbox.submit(each) for each in (delivery, large, delivery)]
    first, refused, last = (future.exception() for future in futures)
    assert (first, last) == (None, None)
    assert isinstance(refused, Unavailable)
    assert re.search(r"no room for the 1048576 bytes.*it holds \d+ bytes, inbox_max_bytes is 1048576", str(refused))
    assert inbox.records_waiting() == 6
    inbox.close()


def test_a_delivery_that_breaks_the_writer_fails_alone_and_the_next_is_stored(
    inbox: Inbox, delivery: Delivery, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL), pytest.raises(Unavailable, match="can't store records now"):
        inbox.submit(replace(delivery, batches=[Batch(Kind.PREDICTIONS, "m", 2**70, b"")])).result(10)
    assert inbox.submit(delivery).result(10).answer.status == 202
    assert inbox.records_waiting() == 2


def test_a_full_disk_is_unavailable_stores_nothing_and_recovers(inbox: Inbox, now: datetime) -> None:
    pages = inbox._connection.execute("PRAGMA page_count").fetchone()[0]
    inbox._connection.execute(f"PRAGMA max_page_count={pages + 1}")  # SQLite's own "database or disk is full"
    batches = [Batch(Kind.PREDICTIONS, "m", 1, b"x" * (SMALLEST - 1))] * 5  # in rows, not in segments
    many = Delivery(now, "test", Kind.PREDICTIONS, Answer(202, b""), batches)
    with pytest.raises(Unavailable, match="disk is full"):
        inbox.append(many)
    assert inbox.records_waiting() == 0
    inbox._connection.execute("PRAGMA max_page_count=1073741823")
    inbox.append(many)
    assert inbox.records_waiting() == 5


def large(now: datetime, size: int = 2**20) -> Delivery:
    return Delivery(now, "test", Kind.PREDICTIONS, Answer(202, b""), [Batch(Kind.PREDICTIONS, "m", 1, b"x" * size)])


def test_a_disk_that_is_full_for_a_segment_is_unavailable_and_recovers(
    inbox: Inbox, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def half(file: int, payload: bytes) -> int:
        if len(payload) <= 2**19:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, payload[: 2**19])

    monkeypatch.setattr("collectors.segments.os.write", half)
    with pytest.raises(Unavailable, match="No space left on device"):
        inbox.append(large(now))
    monkeypatch.undo()
    inbox.append(large(now))
    (row,) = inbox.rows("m", Kind.PREDICTIONS, 10)
    assert inbox.load(row).payload == b"x" * 2**20


def test_large_payloads_are_in_segments_that_go_when_their_rows_are_gone(inbox: Inbox, now: datetime) -> None:
    for size in (SMALLEST - 1, SMALLEST, 2**20, 40 * 2**20):  # the last fills a segment
        inbox.append(large(now, size))
    inbox.append(large(now))
    assert [len(inbox.load(row).payload) for row in inbox.rows("m", Kind.PREDICTIONS, 10)] == [
        SMALLEST - 1, SMALLEST, 2**20, 40 * 2**20, 2**20
    ]  # fmt: skip
    assert len(list(inbox.segments.iterdir())) == 2
    assert inbox.sweep() == 0
    inbox.forget("m", Kind.PREDICTIONS, 4)
    assert inbox.sweep() == 1
    inbox.forget("m", Kind.PREDICTIONS, 5)
    assert inbox.sweep() == 0  # it may be written to still
    other = InboxReader(inbox.path)
    assert other.sweep() == 0
    inbox.close()
    assert other.sweep() == 1
    assert list(inbox.segments.iterdir()) == []
    other.close()


def test_a_segment_that_was_cut_short_is_an_error_and_not_half_a_payload(inbox: Inbox, now: datetime) -> None:
    inbox.append(large(now))
    (segment,) = inbox.segments.iterdir()
    os.truncate(segment, 2**19)
    with pytest.raises(OSError, match="ends 524288 bytes before a payload does"):
        inbox.load(inbox.rows("m", Kind.PREDICTIONS, 10)[0])


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


def test_any_number_of_rows_is_found_when_that_many_records_are_asked_for(inbox: Inbox, delivery: Delivery) -> None:
    inbox.append(replace(delivery, batches=[Batch(Kind.PREDICTIONS, "m", 1, b"")] * 10_050))
    assert len(inbox.rows("m", Kind.PREDICTIONS, 50_000)) == 10_050


def test_row_numbers_are_never_used_again(inbox: Inbox, delivery: Delivery) -> None:
    inbox.append(delivery)
    inbox.forget("m", Kind.PREDICTIONS, 1)
    inbox.append(delivery)
    assert [row.id for row in inbox.rows("m", Kind.PREDICTIONS, 1)] == [2]


def test_predictions_are_flushed_before_labels(inbox: Inbox, now: datetime) -> None:
    for kind in (Kind.LABELS, Kind.PREDICTIONS):
        inbox.append(Delivery(now, "test", kind, Answer(202, b""), [Batch(kind, "m", 1, b"")]))
    assert inbox.waiting() == [("m", Kind.PREDICTIONS), ("m", Kind.LABELS)]


def test_rows_leave_and_their_refused_records_arrive_in_quarantine_together(inbox: Inbox, delivery: Delivery) -> None:
    inbox.append(delivery)
    (row,) = inbox.rows("m", Kind.PREDICTIONS, 10)
    refused = [(row, Refusal(index=1, reason="no room", model="m", payload=b"{}"))]
    with pytest.raises(OverflowError):
        inbox.forget("m", Kind.PREDICTIONS, 2**70, refused)
    assert (inbox.records_waiting(), inbox.refused()) == (2, [])
    inbox.forget("m", Kind.PREDICTIONS, row.id, refused)
    assert (inbox.records_waiting(), [each.reason for each in inbox.refused()]) == (0, ["no room"])


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
