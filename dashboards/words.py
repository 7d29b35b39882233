"""How times, numbers and states are written. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from monitor.queries import State, format_duration
from monitor.windows import format_size

DAY = timedelta(days=1)
STATE_WORDS = {
    State.CRITICAL: ("Critical", "red", ":material/error:"),
    State.WARNING: ("Warning", "orange", ":material/warning:"),
    State.NO_DATA: ("No data", "gray", ":material/help:"),
    State.INSUFFICIENT: ("Too little data", "gray", ":material/hourglass_empty:"),
    State.LEARNING: ("Learning", "gray", ":material/school:"),
    State.OK: ("OK", "green", ":material/check_circle:"),
}
STATUS_WORDS = {
    "breach": "▲ drifted",
    "ok": "● stable",
    "insufficient": "○ not enough data",
    "undefined": "○ undefined",
    "unjudged": "○ not judged",
}


def moment_text(moment: datetime | None) -> str:
    """A moment in UTC.

    >>> from datetime import UTC
    >>> moment_text(datetime(2026, 3, 3, 11, tzinfo=UTC))
    '3 Mar 2026 11:00 UTC'
    """
    return "never" if moment is None else f"{moment.day} {moment:%b %Y %H:%M} UTC"


def window_text(start: datetime, size: timedelta) -> str:
    """A window: its day, or the span of its hours.

    >>> from datetime import UTC
    >>> window_text(datetime(2026, 3, 3, tzinfo=UTC), DAY)
    '3 Mar 2026 UTC'
    >>> window_text(datetime(2026, 3, 3, 11, tzinfo=UTC), timedelta(hours=1))
    '3 Mar 2026 11:00 to 12:00 UTC'
    """
    end = start + size
    if size == DAY and start.hour == start.minute == 0:
        return f"{start.day} {start:%b %Y} UTC"
    if end.date() == start.date() or (end - start < DAY and end.hour == end.minute == 0):
        return f"{start.day} {start:%b %Y %H:%M} to {end:%H:%M} UTC"
    return f"{start.day} {start:%b %Y %H:%M} to {end.day} {end:%b %Y %H:%M} UTC"


def size_text(size: timedelta) -> str:
    """A window size in words.

    >>> size_text(timedelta(days=1)), size_text(timedelta(minutes=15))
    ('daily', '15m')
    """
    names = {"1h": "hourly", "1d": "daily", "1w": "weekly"}
    text = format_size(size)
    return names.get(text, text)


def ago_text(moment: datetime | None, now: datetime) -> str:
    """How long ago, in one unit.

    >>> from datetime import UTC
    >>> ago_text(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 3, 2, 30, tzinfo=UTC))
    '2 h ago'
    """
    if moment is None:
        return "never"
    words = format_duration(now - moment).split(" ")
    return "just now" if words[1] == "s" else f"{words[0]} {words[1]} ago"


def count_text(count: float | None) -> str:
    """A large count, short.

    >>> [count_text(n) for n in (874, 125212.25, 3_400_000, None)]
    ['874', '125k', '3.4M', '–']
    """
    if count is None:
        return "–"
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size * (1 if size > 1e3 else 10):
            scaled = count / size
            return f"{scaled:.1f}{letter}" if scaled < 10 else f"{scaled:.0f}{letter}"
    return f"{count:,.0f}"


def share_text(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.0f} %"
