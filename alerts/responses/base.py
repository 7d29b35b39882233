"""What a response target is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import msgspec


class ResponsePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, fixed before the first attempt and the same in every one but for `sent_at`.

    `id` is the run's and stays the same when it is tried again, so a target can drop repeats by it.
    """

    id: str
    idempotency_key: str
    response: str
    kind: str
    model: str
    version: str | None
    target_version: str | None
    reason: str
    incident_id: int
    incident_url: str | None
    metric: str
    segment: str
    severity: str
    title: str
    since: datetime
    columns: list[str]
    planned_at: datetime
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResponseReceipt:
    """What the target said on taking it; stored and shown, so without secrets."""

    text: str


class ResponseTarget(Protocol):
    """Does what a plan says. Built as `Kind(options, outgoing)`, with `Kind.Options` a dataclass of its options."""

    def run(self, plan: ResponsePlan) -> ResponseReceipt:
        """Do it, or have it done. Raises ChannelError; unless it is permanent, the caller runs the same plan again.

        After a time-out it may have been done or not, so doing one `plan.id` twice must have the effect of once.
        """
        ...
