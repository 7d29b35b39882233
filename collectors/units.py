"""Numbers of a log as records have them: latencies in ms, times in UTC, whatever unit and spelling the log used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from collectors.formats.moments import read_time
from collectors.formats.reading import shown
from monitor.config import NO_MAPPING, MappingSettings

_PER_MS = {"ns": 1e6, "us": 1e3, "ms": 1.0, "s": 1e-3}
_SHORTEST_NUMBER = 9  # digits: fewer are a day without dashes


def as_number(value: Any, name: str) -> float:
    """A number, also one written as text. Raises ValueError naming the field and the value."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"{name} {shown(value)} is not a number")


def as_status(value: Any) -> int:
    """An HTTP status. Raises ValueError naming the value.

    >>> as_status("200"), as_status(503.0)
    (200, 503)
    """
    number = as_number(value, "status_code")
    if not number.is_integer():
        raise ValueError(f"status_code {shown(value)} is not a whole number")
    return int(number)


def as_milliseconds(value: Any, unit: str = "ms", name: str = "latency_ms") -> float:
    """A latency in ms. Raises ValueError naming the field and the value.

    >>> as_milliseconds("0.25", "s"), as_milliseconds(1500, "us")
    (250.0, 1.5)
    """
    return as_number(value, name) / _PER_MS[unit]


def as_moment(value: Any, mapping: MappingSettings = NO_MAPPING, name: str = "event_time") -> datetime:
    """A time in UTC: a number since 1970 (also as text) in the mapping's unit, or ISO-8601 text in its zone.

    Raises ValueError naming the field, the value and what is accepted.

    >>> as_moment("2026-03-04 10:00:00,250").isoformat(), as_moment("1700000000.5").isoformat()
    ('2026-03-04T10:00:00.250000+00:00', '2023-11-14T22:13:20.500000+00:00')
    """
    text = value.strip() if isinstance(value, str) and value.isascii() else ""
    if len(text) >= _SHORTEST_NUMBER and text.lstrip("-").replace(".", "", 1).isdigit():
        value = float(text)
    return read_time(value, mapping, name)
