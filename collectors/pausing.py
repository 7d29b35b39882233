"""Pausing a source of which everything is bad, instead of filling the disk with its refusals.

A source is whoever names it: a key, a model and a format for what is pushed, a name for what is pulled. It is paused
when many of its records in a row were refused, none was accepted, and that for a while; then one request is let
through now and again, and the first accepted record ends the pause. Pure: the time is passed in, what to say is
handed back, and one object belongs to one thread (or event loop), but for `all`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.config import CollectorSettings

MOST_SOURCES = 10_000
"""How many sources with a refusal are remembered; beyond it the one that was quiet longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A source that is paused: since when, for what reason (that of the latest refusal), and what it lost.

    `refused` counts its records that were refused in a row, `turned_away` the requests that were not looked at.
    """

    source: Hashable
    since: datetime
    reason: str
    refused: int
    turned_away: int
    next_try: datetime

    def retry_after(self, now: datetime) -> int:
        """Whole seconds until the source is tried again; at least one."""
        return max(1, -int((now - self.next_try) // timedelta(seconds=1)))


@dataclass(frozen=True, slots=True)
class Change:
    """That a source was paused, or that its pause has ended; `pause` is as it was then."""

    paused: bool
    pause: Pause


@dataclass(slots=True)
class _Streak:
    """Refusals in a row, and the pause they led to."""

    began: datetime
    refused: int = 0
    reason: str = ""
    since: datetime | None = None
    turned_away: int = 0
    next_try: datetime | None = None


class Pauses:
    """The streaks of all sources. `allows` before a source is read, `note` after; both cost a lookup."""

    def __init__(self, settings: CollectorSettings, most_sources: int = MOST_SOURCES) -> None:
        self._after_records = settings.pause_after_records
        self._after = timedelta(seconds=settings.pause_after_seconds)
        self._probe = timedelta(seconds=settings.pause_probe_seconds)
        self._most = most_sources
        self._streaks: OrderedDict[Hashable, _Streak] = OrderedDict()
        self._paused: dict[Hashable, _Streak] = {}

    @property
    def knows_any(self) -> bool:
        """Whether there is anything against any source."""
        return bool(self._streaks)

    def allows(self, source: Hashable, now: datetime) -> bool:
        """Whether to look at what the source sends now. Of a paused source one request per probe time."""
        streak = self._streaks.get(source)
        if streak is None or streak.next_try is None:
            return True
        if streak.next_try - self._probe <= now < streak.next_try:
            streak.turned_away += 1
            return False
        streak.next_try = now + self._probe  # it is time, or the clock was set back
        return True

    def note(self, source: Hashable, accepted: int, refused: int, reason: str, now: datetime) -> Change | None:
        """What became of one request: counts of records, and the reason of a refusal. Returns what is to be said."""
        if accepted:
            ended = self._streaks.pop(source, None)
            return Change(False, _pause(source, ended)) if ended and self._paused.pop(source, None) else None
        if not refused:
            return None
        streak = self._streaks.get(source)
        if streak is None:
            self._make_room()
            streak = self._streaks[source] = _Streak(began=now)
        self._streaks.move_to_end(source)
        streak.refused += refused
        streak.reason = reason
        if streak.since is not None or streak.refused < self._after_records or now - streak.began < self._after:
            return None
        streak.since, streak.next_try = now, now + self._probe
        self._paused[source] = streak
        return Change(True, _pause(source, streak))

    def of(self, source: Hashable) -> Pause | None:
        """The pause of this source, if it is paused."""
        streak = self._paused.get(source)
        return _pause(source, streak) if streak else None

    def all(self) -> list[Pause]:
        """Every pause, the one that began first at the beginning; from any thread."""
        return sorted([_pause(*each) for each in list(self._paused.items())], key=lambda pause: pause.since)

    def _make_room(self) -> None:
        if len(self._streaks) < self._most:
            return
        oldest = next((source for source in self._streaks if source not in self._paused), next(iter(self._streaks)))
        del self._streaks[oldest]
        self._paused.pop(oldest, None)


def _pause(source: Hashable, streak: _Streak) -> Pause:
    assert streak.since is not None
    assert streak.next_try is not None
    return Pause(source, streak.since, streak.reason, streak.refused, streak.turned_away, streak.next_try)


def words(change: Change) -> str:
    """The one line that is logged.

    >>> began = datetime(2026, 3, 4, 12)
    >>> words(Change(True, Pause("http:churn", began, "no id", 812, 0, began)))
    'source http:churn is paused: 812 records in a row were refused and none accepted; the latest: no id'
    """
    pause = change.pause
    if not change.paused:
        return (
            f"source {named(pause.source)} goes on: a record was accepted; paused since {pause.since:%Y-%m-%d %H:%M:%S}"
            f" UTC, {pause.turned_away} requests were turned away"
        )
    return (
        f"source {named(pause.source)} is paused: {pause.refused} records in a row were refused and none accepted; "
        f"the latest: {pause.reason[:500]}"
    )


def answer(pause: Pause) -> str:
    """What a sender is told whose request was not looked at (429, with Retry-After)."""
    return (
        f"paused: the last {pause.refused} records from here were refused and none was accepted, so nothing is read or "
        f"kept for now; the latest reason: {pause.reason[:500]}"
    )


def named(source: Hashable) -> str:
    """A source in words: the parts that it has, with spaces between.

    >>> named(("10.0.0.7", "churn", "json")), named(("key 3", None, "csv"))
    ('10.0.0.7 churn json', 'key 3 csv')
    """
    parts = source if isinstance(source, tuple) else (source,)
    return " ".join(str(part) for part in parts if part not in (None, ""))
