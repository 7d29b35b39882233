"""Damaged bodies of each format: every one is answered, and every record has one outcome, which is kept.

The default run damages a few hundred bodies per format, `make test-fuzz` ten thousand. A failure names the seed and
the number of the body; `body_of(log_format, seed, number)` gives it again.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.collector import Collector, Request, Taken
from collectors.deliveries import Delivery, InboxRow
from collectors.formats import WHOLE_BODY, Log, LogFormat, find_format, format_names, tf_records
from collectors.inbox import Inbox
from collectors.join_buffer import halves_waiting
from collectors.joiner import Joiner
from collectors.payloads import unpack_labels, unpack_predictions
from collectors.quarantine import MAX_PAYLOAD
from monitor.config import NO_MAPPING, CollectorSettings, MappingSettings
from monitor.lake import Kind

from .corpus import all_examples, logs_of
from .mutation import damaged

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SEEDS = (20260304, 7)
IN_INBOX = 5
"""One of so many bodies goes on into the inbox."""

MOST_SECONDS = 5.0
"""Of processor time, for one damaged body of at most 200 kB: more means that its length is not all that costs."""

MOST_MEMORY = 2**20
"""Of what a format remembers of a source, as JSON: it is written with every checkpoint."""

ODD_MAPPING = MappingSettings(
    columns=("age", "age", ""), classes=("no", "yes"), positive="yes", latency_unit="ns", time_unit="us",
    time_zone="Europe/Berlin", sampling_fraction=0.1,
)  # fmt: skip

INSIDE = {"tf-serving": (lambda body: next(tf_records.read_frames(body)), tf_records.write_frame)}
"""Format → out of its checksummed wrapping, and back into it: else no damage would reach what is inside."""


class Fuzzed:
    """One collector that a format's damaged bodies go through, and what must be in its inbox then."""

    def __init__(self, folder: Path, log_format: LogFormat) -> None:
        self.log_format = log_format
        self.inbox = Inbox(folder / "inbox.sqlite", 2**32)
        self.settings = CollectorSettings(max_records=5000, max_record_bytes=2**16)
        self.delivered: list[Delivery] = []

    def take(self, log: Log) -> Taken:
        mappings = {log.model or "": log.mapping} if log.mapping is not NO_MAPPING else {}
        collector = Collector(self.inbox, self.settings.model_copy(update={"mappings": mappings}))
        memory: dict[str, Any] = {}
        request = Request(
            kind=log.kind,
            received_at=NOW,
            source="fuzz",
            model=log.model,
            headers=log.headers,
            path=log.path,
            memory=memory,
        )
        taken = collector.take(log.body, request, self.log_format)
        assert len(json.dumps(memory)) < MOST_MEMORY
        return taken

    def check(self, log: Log) -> Taken:
        """Take the log; compare the answer with what the format read, and what is packed with what is read back."""
        self.log_format.sniff(log)
        began = time.process_time()
        taken = self.take(log)
        assert time.process_time() - began < MOST_SECONDS
        delivery, answer = taken.delivery, json.loads(taken.delivery.answer.body)
        assert delivery.answer.status in (202, 400, 413, 422)
        assert taken.refused == len(delivery.refusals)
        if "error" in answer:
            (refusal,) = delivery.refusals
            assert (taken.accepted, refusal.index) == (0, WHOLE_BODY)
            assert (delivery.batches, delivery.halves) == ((), ())
        else:
            assert (answer["accepted"], answer["refused_total"]) == (taken.accepted, taken.refused)
            assert taken.accepted + taken.refused + answer.get("skipped", 0) == records_in(self.log_format, log)
            assert stored(delivery) >= taken.accepted
        return taken

    def deliver(self, taken: list[Taken]) -> None:
        receipts = [self.inbox.submit(each.delivery) for each in taken]
        assert [receipt.result().answer.status for receipt in receipts] == [t.delivery.answer.status for t in taken]
        self.delivered += [each.delivery for each in taken]

    def check_inbox(self) -> None:
        """The inbox holds the accepted records and the refusals, no more; its halves can be joined, then are gone."""
        batches = [batch for delivery in self.delivered for batch in delivery.batches]
        assert self.inbox.records_waiting() == sum(batch.count for batch in batches)
        with self.inbox.writing() as connection:
            kept = connection.execute("SELECT max(length(payload)), count(*) FROM quarantine").fetchone()
            keys = {(h.model or "", h.key, h.side) for delivery in self.delivered for h in delivery.halves}
            assert halves_waiting(connection) == len(keys)
        assert kept[1] == sum(len(delivery.refusals) for delivery in self.delivered)
        assert (kept[0] or 0) <= MAX_PAYLOAD
        joiner = Joiner(self.inbox.writing, self.settings)
        joined = joiner.run(NOW, most_steps=1000)
        left = joiner.run(NOW + timedelta(hours=1), most_steps=1000)
        assert 2 * joined.joined + joined.alone + left.alone == len(keys)
        with self.inbox.writing() as connection:
            assert halves_waiting(connection) == 0
        for model, kind in self.inbox.waiting():
            for row in map(self.inbox.load, self.inbox.rows(model, kind, 2**40)):
                assert len_read_back(kind, row) == row.count


def records_in(log_format: LogFormat, log: Log) -> int:
    """How many records the format finds in the log, whatever becomes of them."""
    parts = list(log_format.decode(replace(log, at=NOW, memory={})))
    return sum(len(part.places) + len(part.half_places) + len(part.refusals) + part.skipped for part in parts)


def stored(delivery: Delivery) -> int:
    """Records and halves that a delivery leaves in the inbox; what it packed can be read back."""
    for batch in delivery.batches:
        row = InboxRow(1, NOW, "fuzz", batch.count, batch.payload, batch.encoding)
        assert len_read_back(batch.kind, row) == batch.count
    return sum(batch.count for batch in delivery.batches) + len(delivery.halves)


def len_read_back(kind: Kind, row: InboxRow) -> int:
    if kind is Kind.LABELS:
        return len(unpack_labels(row))
    records, refusals = unpack_predictions(row)
    assert all(type(record.event_time) is datetime for record in records)
    return len(records) + len(refusals)


def bodies(log_format: LogFormat, seed: int, count: int) -> Iterator[tuple[int, Log]]:
    """Undamaged logs first, then damaged ones, numbered."""
    logs, others = logs_of(log_format), all_examples()
    yield from ((-number, log) for number, log in enumerate(logs, start=1))
    for number in range(count):
        yield number, body_of(log_format, seed, number, logs, others)


def body_of(
    log_format: LogFormat, seed: int, number: int, logs: list[Log] | None = None, others: list[Log] | None = None
) -> Log:
    logs, others = logs or logs_of(log_format), others or all_examples()
    rng = random.Random(f"{seed} {number}")
    log = rng.choice(logs)
    if rng.random() < 0.2:
        log = replace(log, kind=rng.choice(list(Kind)))
    if rng.random() < 0.2:
        log = replace(log, mapping=ODD_MAPPING)
    if log_format.name in INSIDE and rng.random() < 0.6:
        unwrap, wrap = INSIDE[log_format.name]
        inner = damaged(rng, replace(log, body=unwrap(log.body)), logs + others)
        return replace(inner, body=wrap(inner.body))
    return damaged(rng, replace(log, model=log.model or "fuzzed"), logs + others)


def fuzz(folder: Path, name: str, seed: int, count: int) -> None:
    log_format = find_format(name)
    fuzzed = Fuzzed(folder, log_format)
    waiting: list[Taken] = []
    for number, log in bodies(log_format, seed, count):
        try:
            taken = fuzzed.check(log)
        except Exception as error:
            error.add_note(f"body_of(find_format({name!r}), {seed}, {number}): {log.body[:500]!r} {dict(log.headers)}")
            raise
        if number % IN_INBOX == 0 or number < 0:
            waiting.append(taken)
        if len(waiting) >= 200:
            fuzzed.deliver(waiting)
            waiting = []
    fuzzed.deliver(waiting)
    fuzzed.check_inbox()
    fuzzed.inbox.close()


@pytest.mark.parametrize("name", format_names())
def test_every_record_of_a_damaged_body_has_one_outcome(tmp_path: Path, name: str) -> None:
    fuzz(tmp_path, name, SEEDS[0], 300)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", format_names())
def test_every_record_of_ten_thousand_damaged_bodies_has_one_outcome(tmp_path: Path, name: str) -> None:
    fuzz(tmp_path, name, SEEDS[1], 10_000)
