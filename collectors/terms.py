"""What records are measured against: the limits, the clock, and what is said against a time or a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from collectors.formats.reading import shown
from collectors.privacy import Privacy
from collectors.wire import MAX_NAME_LENGTH
from monitor.config import CollectorSettings

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Event times before this are a broken clock or a wrong unit, not a prediction."""

_MILLISECONDS = 2.6e11  # as seconds, this is beyond the year 9999


class Terms(msgspec.Struct, frozen=True):
    """What records of one request are measured against, and what fills their gaps.

    `model_is_named` ends the advice to a sender whose record names no model: where else to name it. `privacy` takes
    out of the records what must not be stored.
    """

    now: datetime
    limits: CollectorSettings
    new_ids: Callable[[int], list[str]]
    model: str | None = None
    version: str | None = None
    body_bytes: int = 0
    model_is_named: str = "in the address: ?model=NAME"
    privacy: Privacy | None = None

    @property
    def latest(self) -> datetime:
        return self.now + timedelta(seconds=self.limits.max_future_seconds)


def against_time(moment: datetime | float | None, terms: Terms) -> str | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        hint = "; this looks like milliseconds, divide by 1000" if moment > _MILLISECONDS else ""
        return f"{moment} is not a time; accepted: ISO-8601 text or seconds since 1970{hint}"
    if moment > terms.latest:
        return (
            f"{moment.isoformat()} lies in the future; accepted: up to {terms.limits.max_future_seconds:g} s "
            f"ahead of the collector's clock, {terms.now.isoformat(timespec='seconds')}"
        )
    return None if moment >= EARLIEST else f"{moment.isoformat()} is too early; accepted: from {EARLIEST:%Y-%m-%d} on"


def against_names(features: Iterable[str], most: int) -> str | None:
    names = list(features)
    if len(names) > most:
        return f"the record has {len(names)} features; accepted: up to {most}"
    for name in names:
        if not is_usable_name(name):
            return f"feature name {shown(name)} is not usable; accepted: 1 to {MAX_NAME_LENGTH} characters, none NUL"
    return None


def is_usable_name(name: str) -> bool:
    """Whether a feature may be called this."""
    return 0 < len(name) <= MAX_NAME_LENGTH and "\x00" not in name


def as_utc(moment: datetime | float) -> datetime | float:
    """The moment in UTC; what no datetime can hold is returned as it is.

    >>> as_utc(0.5), as_utc(1e30)
    (datetime.datetime(1970, 1, 1, 0, 0, 0, 500000, tzinfo=datetime.timezone.utc), 1e+30)
    """
    try:
        if isinstance(moment, datetime):
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        return moment if not isinstance(moment, datetime) else moment.timestamp() if moment.tzinfo else 0.0
