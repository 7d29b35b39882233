"""Good and bad calls, as an objective tells them apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from monitor.profiles import ServiceProfile


@dataclass(frozen=True, slots=True)
class Objective:
    """What a bad call is: one that took longer than `latency_ms`, or, without it, one that the endpoint failed.

    The endpoint failed where the status is 500 or more, or where there is an error and no status that says whose it is.
    """

    latency_ms: float | None = None


class Events(msgspec.Struct, frozen=True):
    """Calls that an objective counts: `rows` of a log that stand for `weight` calls, and the bad ones among them."""

    rows: int = 0
    weight: float = 0.0
    bad_rows: int = 0
    bad_weight: float = 0.0

    @property
    def bad_share(self) -> float:
        """In [0, 1]; nan without a call."""
        return self.bad_weight / self.weight if self.weight else math.nan

    def merge(self, other: Events) -> Events:
        return Events(
            self.rows + other.rows,
            self.weight + other.weight,
            self.bad_rows + other.bad_rows,
            self.bad_weight + other.bad_weight,
        )


NO_EVENTS = Events()
Minutes = Mapping[datetime, Events]
"""The calls of each minute that had some, by its start."""


def events_of(service: ServiceProfile, objective: Objective) -> Events:
    """The calls of a stored window. Latencies are compared by the sketch's buckets: within 1 % of the limit."""
    if objective.latency_ms is None:
        bad = service.share("server_errors") * service.weight
        return Events(service.rows, service.weight, service.server_errors, bad)
    sketch = service.latency
    if not sketch.n:
        return NO_EVENTS
    share = sketch.share_above(objective.latency_ms)
    return Events(sketch.n, sketch.weight, round(share * sketch.n), share * sketch.weight)


def add_counted(logged: Minutes, counted: Minutes) -> Minutes:
    """What the log says, completed by what the server's own counters say: never the same call twice.

    Without a log the counters are all there is; to one that has no bad call (many servers log successes only) the bad
    ones that were counted are added.
    """
    if not any(events.rows for events in logged.values()):
        return counted
    if any(events.bad_rows for events in logged.values()):
        return logged
    completed = dict(logged)
    for minute, each in counted.items():
        bad = Events(each.bad_rows, each.bad_weight, each.bad_rows, each.bad_weight)
        completed[minute] = completed.get(minute, NO_EVENTS).merge(bad)
    return completed


def total(events: Iterable[Events]) -> Events:
    """All of them together."""
    rows = bad_rows = 0
    weight = bad_weight = 0.0
    for each in events:
        rows, weight = rows + each.rows, weight + each.weight
        bad_rows, bad_weight = bad_rows + each.bad_rows, bad_weight + each.bad_weight
    return Events(rows, weight, bad_rows, bad_weight)
