"""Which two spans of a model's log a report compares."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.errors import InvalidValue, NotFound
from monitor.windows import Window, window_of


@dataclass(frozen=True, slots=True)
class Spans:
    """Two half-open spans of event time, and in words where the reference comes from."""

    reference: tuple[datetime, datetime]
    current: tuple[datetime, datetime]
    origin: str


def choose_spans(
    windows: Collection[Window], size: timedelta, wanted: datetime | None, baseline: tuple[datetime, datetime] | None
) -> Spans:
    """The window that holds `wanted` (the latest otherwise) against the baseline's own rows, or else the first window.

    `baseline` is the span of a baseline that was made from this log; one made from a file has no rows here. Raises
    NotFound when the log has no rows then, InvalidValue when there is nothing earlier to compare with.
    """
    if not windows:
        raise NotFound("the model's log has no rows yet")
    current = window_of(wanted, size) if wanted else max(windows)
    if current not in windows:
        raise NotFound(f"the model's log has no rows in the window {current}; the latest with rows is {max(windows)}")
    if baseline is not None:
        return Spans(baseline, (current.start, current.end), "the baseline's rows")
    first = min(windows)
    if first == current:
        raise InvalidValue(f"{current} is the first window with rows; there is nothing earlier to compare it with")
    return Spans((first.start, first.end), (current.start, current.end), f"the first window, {first}")
