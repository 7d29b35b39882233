"""Times as logs write them: with or without a zone, as text or as a number since 1970, always made UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from collectors.formats.reading import read_moment, shown
from monitor.config import NO_MAPPING, MappingSettings

_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def read_time(sent: Any, mapping: MappingSettings = NO_MAPPING, name: str = "time") -> datetime:
    """The moment in UTC. Numbers are in the mapping's unit, text without a zone is in the mapping's zone.

    Raises ValueError naming the field, the value and what is accepted.

    >>> read_time("2023-05-06 07:08:09.5 UTC").isoformat()
    '2023-05-06T07:08:09.500000+00:00'
    """
    if isinstance(sent, str) and sent.endswith(" UTC"):  # as BigQuery exports a TIMESTAMP
        sent = sent.removesuffix(" UTC") + "+00:00"
    moment = read_moment(sent, name)
    zone = ZoneInfo(mapping.time_zone)
    try:
        if not isinstance(moment, datetime):
            return datetime.fromtimestamp(moment / _PER_SECOND[mapping.time_unit], UTC)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{name} {shown(sent)} is beyond what a time can be") from None
