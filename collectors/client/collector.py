"""One attempt to hand a batch to the collector, and what its answer means."""

from __future__ import annotations

import gzip
import logging
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore  # noqa: F401 - httpx imports it late; a fork in the middle of that import would break the child
import httpx
import msgspec

from collectors.client.batches import Batch

GZIP_FROM_BYTES = 8192
LONGEST_RETRY_AFTER = 300.0
SENDER_THREAD = "kedge-sender"
_RANDOM = random.SystemRandom()  # not the endpoint's own generator: its draws may have to be repeatable


@dataclass(frozen=True, slots=True)
class Settled:
    """The collector's final word on a batch: how many records it stored, and why it did not take the others."""

    accepted: int
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class TryLater:
    """The batch may be taken later; `after` is the wait in seconds that the collector asked for."""

    reason: str
    after: float | None = None


class _Refusal(msgspec.Struct):
    reason: str = "no reason given"


class _Receipt(msgspec.Struct):
    accepted: int | None = None
    refused: list[_Refusal] = []


class Collector:
    """The collector at one address. Used by the sender thread alone."""

    def __init__(self, url: str, api_key: str | None) -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(headers=headers)
        httpx_log = logging.getLogger("httpx")
        if _not_ours not in httpx_log.filters:
            httpx_log.addFilter(_not_ours)

    def post(self, batch: Batch, timeout: float) -> Settled | TryLater:
        headers = {"Content-Type": "application/json", "Idempotency-Key": batch.key}
        body = batch.body
        if len(body) >= GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        try:
            answer = self._http.post(f"{self._url}/v1/{batch.kind}", content=body, headers=headers, timeout=timeout)
        except httpx.HTTPError as error:
            return TryLater(f"{type(error).__name__}: {error}")
        return read_answer(answer.status_code, answer.headers, answer.content, batch.records, datetime.now(UTC))

    def close(self) -> None:
        self._http.close()


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes, records: int, now: datetime
) -> Settled | TryLater:
    """What an HTTP answer to a batch of this many records means."""
    if status in (408, 429) or status >= 500:
        return TryLater(f"http {status}", retry_after(headers.get("retry-after"), now))
    try:
        receipt = msgspec.json.decode(body, type=_Receipt)
    except msgspec.MsgspecError:
        receipt = _Receipt()
    refused = Counter(f"refused: {refusal.reason[:200]}" for refusal in receipt.refused[:records])
    left = records - refused.total()
    if 200 <= status < 300:
        accepted = left if receipt.accepted is None else min(receipt.accepted, left)
    else:
        accepted = min(receipt.accepted or 0, left)
    if accepted < left:
        # The answer lists only so many of the refused records.
        refused["refused: not listed" if refused or status < 300 else f"http {status}"] += left - accepted
    return Settled(accepted, refused)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a Retry-After header in either of its forms; None when it says nothing usable.

    >>> retry_after("7", datetime.now(UTC)), retry_after("soon", datetime.now(UTC))
    (7.0, None)
    """
    if header is None:
        return None
    try:
        seconds = float(header) if header.strip().isdigit() else (parsedate_to_datetime(header) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def backoff(attempt: int, first: float, longest: float, random_share: float | None = None) -> float:
    """Seconds to wait after the attempt-th failure in a row: doubling, and between half and all of that.

    >>> backoff(1, 0.5, 30, random_share=1), backoff(3, 0.5, 30, random_share=1), backoff(99, 0.5, 30, random_share=0)
    (0.5, 2.0, 15.0)
    """
    share = _RANDOM.random() if random_share is None else random_share
    return min(longest, first * 2.0 ** min(attempt - 1, 30)) * (0.5 + share / 2)


def _not_ours(record: logging.LogRecord) -> bool:
    # httpx logs a line per request at INFO; five a second from us would drown the endpoint's own log.
    return record.threadName != SENDER_THREAD
