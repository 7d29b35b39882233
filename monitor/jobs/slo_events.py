"""The good and bad calls of a model's last days by minute, kept up to date file by file.

The lake's files are never changed, so what one holds is read once. A row that comes late is in a new file and counts
like any other; a file that took the place of others (compaction) is read when they go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from monitor.db import service_samples
from monitor.jobs.stores import Stores
from monitor.slo import Events, Minutes, Objective, add_counted, events_of
from monitor.slo.burn import LONGEST, MINUTE
from monitor.windows import window_of

KEPT = LONGEST + timedelta(days=1)
"""Logs may come a day late and still fill the longest window."""

# A source that crashed may write its last samples again.
_READ_AGAIN = timedelta(hours=1)
_ByMinute = dict[datetime, tuple[Events, ...]]


class EventMemory:
    """The calls of one model, as these objectives count them."""

    def __init__(self, model_id: int, model: str, objectives: Sequence[Objective]) -> None:
        self.objectives = tuple(objectives)
        self._model_id, self._model = model_id, model
        self._files: dict[str, Mapping[datetime, tuple[Events, ...]]] = {}
        self._logged: _ByMinute = {}
        self._counted: _ByMinute = {}
        self._received: datetime | None = None

    def update(self, stores: Stores, received: datetime | None, now: datetime) -> None:
        """Read what has come since the last time, and forget what is older than is needed.

        `received` is when the model last received anything: while it stays the same, there is nothing to read.
        """
        since = window_of(now - KEPT, MINUTE).start
        if received is not None and received != self._received:
            self._read_files(stores, since)
            self._read_samples(stores, since)
            self._received = received
        for minutes in (self._logged, self._counted):
            for minute in [minute for minute in minutes if minute < since]:
                del minutes[minute]

    def minutes(self, place: int) -> Minutes:
        """The calls by minute, as the objective at this place counts them."""
        logged = {minute: events[place] for minute, events in self._logged.items() if events[place].rows}
        counted = {minute: events[place] for minute, events in self._counted.items() if events[place].rows}
        return add_counted(logged, counted)

    def _read_files(self, stores: Stores, since: datetime) -> None:
        files = stores.predictions(self._model, since).files
        gone = [self._files.pop(name) for name in self._files.keys() - set(files)]
        if any(minute >= since for minutes in gone for minute in minutes):
            self._logged = {}
            for minutes in self._files.values():
                _add(self._logged, minutes)
        new = [name for name in files if name not in self._files]
        found = stores.engine.events(new, since, self.objectives) if new else {}
        for name in new:
            self._files[name] = found.get(name, {})
            _add(self._logged, self._files[name])

    def _read_samples(self, stores: Stores, since: datetime) -> None:
        newest = max(self._counted, default=since)
        start = max(since, newest - _READ_AGAIN)
        with stores.db.reading() as session:
            samples = service_samples.samples_between(
                session, self._model_id, start, datetime.max.replace(tzinfo=since.tzinfo)
            )
        for minute in [minute for minute in self._counted if minute >= start]:
            del self._counted[minute]
        for end, service in samples:
            events = tuple(events_of(service, objective) for objective in self.objectives)
            _add(self._counted, {window_of(end, MINUTE).start: events})


def _add(to: _ByMinute, more: Mapping[datetime, tuple[Events, ...]]) -> None:
    for minute, events in more.items():
        known = to.get(minute)
        to[minute] = events if known is None else tuple(a.merge(b) for a, b in zip(known, events, strict=True))
