"""What became of the records: every one that was logged ends in exactly one of these counts."""

from __future__ import annotations

import logging
import threading
from collections import Counter

import msgspec

log = logging.getLogger("kedge.client")

MOST_REASONS = 50
OTHER_REASONS = "other reasons"


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot. `logged` = `queued` + `spooled` + `acknowledged` + everything in `dropped`, apart from what an
    earlier process left in the spool.

    `sent` counts records the collector has answered for, stored or refused. `unread` counts calls whose bodies the
    middleware could not read: they are logged without features and prediction.
    """

    logged: int
    queued: int
    spooled: int
    sent: int
    acknowledged: int
    dropped: dict[str, int]
    sampled_out: int
    unread: int
    retries: int
    last_error: str


class Counters:
    """Thread-safe counts behind Stats. A cause that is new is also told to the log, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._last_error = ""

    def add(self, name: str, amount: int = 1) -> int:
        """Add to a count; returns its new value."""
        with self._lock:
            self._counts[name] += amount
            return self._counts[name]

    def drop(self, reason: str, records: int = 1) -> None:
        if records <= 0:
            return
        with self._lock:
            if reason not in self._dropped and len(self._dropped) >= MOST_REASONS:
                reason = OTHER_REASONS
            is_new = reason not in self._dropped
            self._dropped[reason] += records
        if is_new:
            log.warning(
                "prediction log: %d records dropped: %s (told once; see PredictionLogger.stats)", records, reason
            )

    def failed(self, reason: str) -> None:
        """An attempt failed that will be repeated."""
        with self._lock:
            is_new = not self._last_error
            self._counts["retries"] += 1
            self._last_error = reason
        if is_new:
            log.warning("prediction log: the collector does not take records now, trying again: %s", reason)

    def recovered(self) -> None:
        """An attempt worked; the next failure is news again."""
        with self._lock:
            self._last_error = ""

    def stats(self, queued: int, spooled: int) -> Stats:
        with self._lock:
            return Stats(
                logged=self._counts["logged"],
                queued=queued,
                spooled=spooled,
                sent=self._counts["sent"],
                acknowledged=self._counts["acknowledged"],
                dropped=dict(self._dropped),
                sampled_out=self._counts["sampled_out"],
                unread=self._counts["unread"],
                retries=self._counts["retries"],
                last_error=self._last_error,
            )
