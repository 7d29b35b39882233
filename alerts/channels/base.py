"""What a channel is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from alerts.messages import Message


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the other side said on taking a message; stored and shown, so without secrets."""

    text: str


class Channel(Protocol):
    """Carries messages to one place. Built as `Kind(options, outgoing)`; `Kind.Options` is a dataclass of its options.

    `send` is called from one thread at a time per channel.
    """

    def send(self, message: Message) -> Receipt:
        """Deliver one message once. Raises ChannelError; the caller tries again unless it is permanent."""
        ...
