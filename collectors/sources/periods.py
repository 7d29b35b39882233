"""The span of time that a dated key or prefix stands for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DATED = re.compile(
    r"(?:^|/)(?:year=|y=)?(?P<year>20\d\d)"
    r"(?:[/-](?:month=|m=)?(?P<month>0[1-9]|1[0-2])"
    r"(?:[/-](?:day=|d=)?(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:/(?:hour=|h=|hr=)?(?P<hour>[01]\d|2[0-3]))?)?)?(?=/|$)"
)
_NAMED = re.compile(r"(?:^|/)[A-Za-z_]+=(?=20\d\d-)")


def period_end(path: str) -> datetime | None:
    """When the time of a dated path is over (UTC), or None where it has no date.

    >>> period_end("ep/AllTraffic/2026/03/01/13/x.jsonl").isoformat(), period_end("t/dt=2026-03-01").isoformat()
    ('2026-03-01T14:00:00+00:00', '2026-03-02T00:00:00+00:00')
    >>> period_end("ep/2026/12").isoformat(), period_end("ep/2026").isoformat(), period_end("models/7/x")
    ('2027-01-01T00:00:00+00:00', '2027-01-01T00:00:00+00:00', None)
    """
    found = _DATED.search(_NAMED.sub("/", path))
    if found is None:
        return None
    year, month, day, hour = (int(part) if part else None for part in found.groups())
    assert year is not None
    try:
        if month is None:
            return datetime(year + 1, 1, 1, tzinfo=UTC)
        if day is None:
            return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
        start = datetime(year, month, day, hour or 0, tzinfo=UTC)
    except ValueError:  # the 31st of February is a name, not a date
        return None
    return start + (timedelta(days=1) if hour is None else timedelta(hours=1))
