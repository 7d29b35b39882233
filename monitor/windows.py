"""Windows: half-open spans [start, end) of event time in UTC, aligned so that everybody names the same ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.errors import InvalidValue

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The Unix epoch is a Thursday: weeks are aligned to the Monday before it.
MONDAY = datetime(1969, 12, 29, tzinfo=UTC)
WEEK = timedelta(days=7)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d{1,12})([smhdw])")
_ROWS = re.compile(r"(\d{1,12}) ?rows")
MOST_WINDOW_ROWS = 1_000_000_000
LONGEST = timedelta(weeks=5200)


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """One span [start, start + size). With `rows` it is as long as that many rows took to come."""

    start: datetime
    size: timedelta
    rows: int = 0

    @property
    def end(self) -> datetime:
        return self.start + self.size

    @property
    def seconds(self) -> int:
        """What tables tell sizes apart by: whole seconds, or minus the number of rows."""
        return -self.rows if self.rows else int(self.size.total_seconds())

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M}/{format_size(self.size)}"


def window_of(moment: datetime, size: timedelta) -> Window:
    """The one window of this size that holds `moment`.

    >>> str(window_of(datetime(2026, 3, 4, 10, 59, tzinfo=UTC), timedelta(hours=1)))
    '2026-03-04 10:00/1h'
    """
    origin = MONDAY if size % WEEK == timedelta(0) else EPOCH
    return Window(origin + (moment - origin) // size * size, size)


def windows_touched(moments: Iterable[datetime], size: timedelta) -> set[Window]:
    """Every window of this size that at least one of the moments falls in."""
    return {window_of(moment, size) for moment in moments}


def windows_between(start: datetime, end: datetime, size: timedelta) -> Iterator[Window]:
    """The aligned windows that overlap [start, end), in order."""
    window = window_of(start, size)
    while window.start < end:
        yield window
        window = Window(window.end, size)


def parse_size(text: str) -> timedelta:
    """A window size such as 5m, 1h, 1d or 1w, at most 5200w. Raises InvalidValue.

    >>> parse_size("90m")
    datetime.timedelta(seconds=5400)
    """
    match = _SIZE.fullmatch(text.strip())
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST.total_seconds():
        raise InvalidValue(
            f"window size {text!r} is not usable; accepted: a whole number and s, m, h, d or w, as in 1h, "
            f"at most {format_size(LONGEST)}"
        )
    return timedelta(seconds=seconds)


def parse_span(text: str) -> timedelta:
    """A window size as monitors have it: a time, or a count of rows, which is kept as that many seconds below zero.

    >>> parse_span("1h"), parse_span("5000 rows").total_seconds()
    (datetime.timedelta(seconds=3600), -5000.0)
    """
    match = _ROWS.fullmatch(text.strip())
    if match is None:
        try:
            return parse_size(text)
        except InvalidValue as error:
            raise InvalidValue(f"{error}, or a count such as 5000 rows") from None
    rows = int(match[1])
    if not 1 <= rows <= MOST_WINDOW_ROWS:
        raise InvalidValue(f"window size {text!r} is not usable; accepted: 1 to {MOST_WINDOW_ROWS} rows")
    return timedelta(seconds=-rows)


def rows_of(size: timedelta) -> int:
    """How many rows a window of this size holds, 0 where it is a span of time."""
    return max(0, -int(size.total_seconds()))


def span_of(evidence: Mapping[str, Any], size: timedelta) -> timedelta:
    """How long the window of a verdict is, by its evidence, or else `size`, which is its monitor's.

    They differ for windows of a count of rows (where it is an hour else), and for what is judged by the clock.
    """
    window = evidence.get("window")
    seconds = window.get("seconds") if isinstance(window, Mapping) else None
    if isinstance(seconds, int | float) and seconds > 0:
        return timedelta(seconds=seconds)
    return timedelta(hours=1) if rows_of(size) else size


def format_duration(span: timedelta) -> str:
    """The span in its largest one or two units.

    >>> [format_duration(timedelta(seconds=seconds)) for seconds in (0, 59, 3600, 3900, 200_000)]
    ['0 s', '59 s', '1 h', '1 h 5 min', '2 d 7 h']
    """
    rest, parts = max(0, int(span.total_seconds())), []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        parts.append((count, unit))
    first = next((at for at, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def format_size(size: timedelta) -> str:
    """The shortest text that `parse_span` reads back.

    >>> format_size(timedelta(days=7)), format_size(timedelta(minutes=90)), format_size(timedelta(seconds=-5000))
    ('1w', '90m', '5000 rows')
    """
    if rows := rows_of(size):
        return f"{rows} rows"
    seconds = int(size.total_seconds())
    unit = max((unit for unit, length in _UNITS.items() if seconds % length == 0), key=lambda unit: _UNITS[unit])
    return f"{seconds // _UNITS[unit]}{unit}"
