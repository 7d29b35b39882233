from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from collectors.client.batches import Buffer, Kind
from collectors.client.collector import Settled, TryLater, backoff, read_answer, retry_after

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (202, b'{"accepted": 3, "refused": []}', Settled(3)),
        (200, b"", Settled(3)),
        (202, b"not json", Settled(3)),
        (
            202,
            b'{"accepted": 2, "refused": [{"index": 1, "reason": "too old"}]}',
            Settled(2, Counter({"refused: too old": 1})),
        ),
        (202, b'{"accepted": 1}', Settled(1, Counter({"refused: not listed": 2}))),
        (400, b'{"detail": "no"}', Settled(0, Counter({"http 400": 3}))),
        (
            422,
            b'{"accepted": 0, "refused": [{"reason": "x"}]}',
            Settled(0, Counter({"refused: x": 1, "refused: not listed": 2})),
        ),
        (503, b"", TryLater("http 503", 7.0)),
        (429, b"", TryLater("http 429", 7.0)),
        (408, b"", TryLater("http 408", 7.0)),
    ],
)
def test_every_record_of_a_batch_gets_a_fate(status: int, body: bytes, meaning: Settled | TryLater) -> None:
    answer = read_answer(status, {"retry-after": "7"}, body, 3, NOW)
    assert answer == meaning
    if isinstance(answer, Settled):
        assert answer.accepted + answer.refused.total() == 3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        ("Wed, 04 Mar 2026 12:00:30 GMT", 30.0),
        ("Wed, 04 Mar 2026 11:00:00 GMT", 0.0),
        ("99999", 300.0),
        ("soon", None),
        ("-1", None),
        ("Wed, 04 Mar 2026 12:00:30", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_the_wait_doubles_up_to_its_bound_and_is_spread() -> None:
    assert [backoff(n, 1, 8, random_share=1) for n in range(1, 6)] == [1, 2, 4, 8, 8]
    assert all(0.5 <= backoff(1, 1, 8) <= 1 for _ in range(100))
    assert backoff(10_000, 1, 8, random_share=1) == 8


def test_the_buffer_keeps_labels_longest_and_serves_both_kinds_by_turns() -> None:
    buffer = Buffer(max_records=4, max_bytes=1000, batch_records=2, batch_bytes=1000)
    buffer.put(Kind.LABELS, b"1", 0.0)
    dropped = sum(buffer.put(Kind.PREDICTIONS, str(i).encode(), 0.0) for i in range(10))
    assert (dropped, len(buffer)) == (7, 4)
    batches = [buffer.take(0.0) for _ in range(4)]
    assert [(b.kind, b.body) for b in batches if b] == [
        (Kind.PREDICTIONS, b"[7,8]"),
        (Kind.LABELS, b"[1]"),
        (Kind.PREDICTIONS, b"[9]"),
    ]
    assert batches[3] is None
    assert buffer.bytes == 0


def test_a_batch_is_bounded_in_bytes_but_holds_at_least_one_record() -> None:
    buffer = Buffer(max_records=10, max_bytes=1000, batch_records=10, batch_bytes=5)
    for record in (b"123456789", b"12", b"34", b"56"):
        buffer.put(Kind.PREDICTIONS, record, 0.0)
    assert [buffer.take(0.0).records for _ in range(3)] == [1, 2, 1]  # type: ignore[union-attr]
