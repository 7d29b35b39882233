"""What a monitor compares its windows with, where that is not the frozen baseline: earlier windows of the same model.

A threshold's `baseline` says which: a rolling period, or the same hour of the week in earlier weeks. Both are merges of
stored profiles on the frozen bins (`monitor.baselines.derived_baseline`), so they cost no reading of rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from monitor.errors import InvalidValue
from monitor.windows import WEEK, Window, format_size, parse_size, window_of

HOUR = timedelta(hours=1)
MOST_WEEKS = 52
_KEYS = {"frozen": (), "rolling": ("span", "gap"), "same_hour_of_week": ("weeks",)}


@dataclass(frozen=True, slots=True)
class Reference:
    """Which earlier windows are normal: `weeks` says the same hour of so many weeks, else the `span` before `gap`."""

    span: timedelta = timedelta(0)
    gap: timedelta = timedelta(0)
    weeks: int = 0

    def __str__(self) -> str:
        if self.weeks:
            return f"same hour of {self.weeks} weeks"
        return f"rolling {format_size(self.span)}" + (f" until {format_size(self.gap)} before" if self.gap else "")


def reference_of(threshold: Mapping[str, Any]) -> Reference | None:
    """The threshold's reference; None for the frozen baseline. Raises InvalidValue as `check_reference` does."""
    told = threshold.get("baseline")
    if told is None:
        return None
    check_reference(told)
    match told["kind"]:
        case "rolling":
            gap = told.get("gap")
            return Reference(parse_size(told["span"]), parse_size(gap) if gap else timedelta(0))
        case "same_hour_of_week":
            return Reference(weeks=told.get("weeks", 8))
        case _:
            return None


def check_reference(told: Any) -> None:
    """Raise InvalidValue for a `baseline` of a threshold that names no period, saying what is accepted."""
    kind = told.get("kind") if isinstance(told, Mapping) else None
    if kind not in _KEYS:
        raise InvalidValue(f"threshold baseline {told!r} is not usable; accepted: an object of kind {', '.join(_KEYS)}")
    for name in told:
        if name != "kind" and name not in _KEYS[kind]:
            listed = ", ".join(_KEYS[kind]) or "nothing else"
            raise InvalidValue(f"a {kind} baseline has no {name!r}; accepted: {listed}")
    if kind == "rolling" and not isinstance(told.get("span"), str):
        raise InvalidValue(
            f"a rolling baseline needs a span; it has {told.get('span')!r}; accepted: a time such as 28d"
        )
    for name in ("span", "gap"):
        if isinstance(told.get(name), str):
            parse_size(told[name])
        elif told.get(name) is not None:
            raise InvalidValue(f"baseline {name} is {told[name]!r}; accepted: a time such as 1d")
    weeks = told.get("weeks", 8)
    if isinstance(weeks, bool) or not isinstance(weeks, int) or not 1 <= weeks <= MOST_WEEKS:
        raise InvalidValue(f"baseline weeks is {weeks!r}; accepted: a whole number from 1 to {MOST_WEEKS}")


def reference_spans(reference: Reference, window: Window) -> list[Window]:
    """The spans of time whose windows are the reference of this one, the oldest first; none overlaps the window."""
    if not reference.weeks:
        end = window.start - reference.gap
        return [Window(end - reference.span, reference.span)]
    size = max(window.size, HOUR)
    start = window.start if window.size >= HOUR else window_of(window.start, HOUR).start
    lags = range(reference.weeks, 0, -1)
    return [Window(start - lag * WEEK, size) for lag in lags if start - lag * WEEK + size <= window.start]


def is_in(spans: Sequence[Window], window: Window) -> bool:
    """Whether a window lies whole in one of the spans."""
    return any(span.start <= window.start and window.end <= span.end for span in spans)
