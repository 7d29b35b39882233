"""Sending what is due: at least once to every channel, under an id that stays the same in every attempt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from alerts.backoff import MESSAGES, Backoff
from alerts.channels.base import Channel, Receipt
from alerts.errors import ChannelError
from alerts.messages import Message, build_message
from monitor.db.database import Database
from monitor.db.models import Notification
from monitor.db.notifications import (
    claim_notification,
    due_channels,
    postpone_channel,
    read_subject,
    record_failed,
    record_retry,
    record_sent,
)

_log: Final = logging.getLogger(__name__)
_MOST_PER_PASS: Final = 100
LEASE: Final = timedelta(minutes=3)
"""How long a sender may be at it before another takes over; longer than any one request takes."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What one pass did: messages sent, failed but to be tried again, and given up."""

    sent: int = 0
    retrying: int = 0
    failed: int = 0

    def __add__(self, other: DeliveryReport) -> DeliveryReport:
        return DeliveryReport(self.sent + other.sent, self.retrying + other.retrying, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What sending needs. `clock` is read anew for each message, since sending takes time."""

    db: Database
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    rng: Random
    public_url: str = ""
    backoff: Backoff = MESSAGES
    lease: timedelta = LEASE

    def run(self) -> DeliveryReport:
        """Send what is due. The channels run side by side, so a slow one holds up no other."""
        with self.db.reading() as session:
            due = due_channels(session, self.clock())
        if not due:
            return DeliveryReport()
        with ThreadPoolExecutor(max_workers=min(len(due), 16), thread_name_prefix="channel") as pool:
            return sum(pool.map(self._drain, due), DeliveryReport())

    def _drain(self, channel: str) -> DeliveryReport:
        """Send one channel's due messages, oldest first, until one has to be tried again: the next would fail too."""
        report = DeliveryReport()
        for _ in range(_MOST_PER_PASS):
            claimed = self._claim(channel)
            if claimed is None:
                break
            outcome = self._attempt(*claimed)
            report += outcome
            if outcome.retrying:
                break
        return report

    def _claim(self, channel: str) -> tuple[Notification, Message] | None:
        now = self.clock()
        with self.db.session() as session:
            notification = claim_notification(session, channel, now, self.lease)
            if notification is None:
                return None
            subject = read_subject(session, notification)
        message = build_message(subject, notification.id, notification.reason, now, self.public_url)
        return notification, message

    def _attempt(self, notification: Notification, message: Message) -> DeliveryReport:
        try:
            receipt = self._send(notification, message)
        except ChannelError as error:
            return self._record_failure(notification, error)
        with self.db.session() as session:
            record_sent(session, notification, receipt.text, self.clock())
        return DeliveryReport(sent=1)

    def _send(self, notification: Notification, message: Message) -> Receipt:
        if notification.attempts > self.backoff.attempts:  # every attempt ended in a crash before it was recorded
            raise ChannelError("no attempt came to an end", permanent=True)
        channel = self.channels.get(notification.channel)
        if channel is None:
            known = ", ".join(sorted(self.channels)) or "none"
            raise ChannelError(f"channel {notification.channel!r} is not configured; configured: {known}")
        try:
            return channel.send(message)
        except ChannelError:
            raise
        except Exception as error:  # a plug-in's mistake must not stop the other messages; its text may hold a secret
            raise ChannelError(f"channel {notification.channel!r} raised {type(error).__name__}") from error

    def _record_failure(self, notification: Notification, error: ChannelError) -> DeliveryReport:
        now = self.clock()
        wait = None if error.permanent else self.backoff.wait(notification.attempts, self.rng, error.retry_after)
        _log.warning("notification %s to channel %s: %s", notification.id, notification.channel, error)
        with self.db.session() as session:
            if wait is None:
                why = str(error) if error.permanent else f"{error}; given up after {notification.attempts} attempts"
                record_failed(session, notification, why)
                return DeliveryReport(failed=1)
            record_retry(session, notification, str(error), now + wait)
            if error.retry_after is not None:
                postpone_channel(session, notification.channel, now + timedelta(seconds=error.retry_after))
            return DeliveryReport(retrying=1)


def deliver(
    db: Database,
    channels: Mapping[str, Channel],
    clock: Callable[[], datetime],
    rng: Random,
    public_url: str = "",
    backoff: Backoff = MESSAGES,
    lease: timedelta = LEASE,
) -> DeliveryReport:
    """Send every due notification once and record the result; see docs/alerts.md for the schedule of retries."""
    return Delivery(db, channels, clock, rng, public_url, backoff, lease).run()
