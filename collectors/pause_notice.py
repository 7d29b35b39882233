"""What is paused, told to the control database for those who look there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from collectors.pausing import Pause, named
from monitor.db.database import Database
from monitor.db.pauses import STALE, PausedSource, replace_pauses


class PauseNotice:
    """Keeps the control database told of the pauses that `paused` lists. `who` is the process that has them."""

    def __init__(self, db: Database, who: str, paused: Callable[[], Sequence[Pause]]) -> None:
        self._db, self._who, self._paused = db, who[:40], paused
        self._said: frozenset[object] = frozenset()
        self._said_at = datetime.min.replace(tzinfo=UTC)

    def say(self, now: datetime) -> bool:
        """Write what is paused, if that is news or what was written grows old. Returns whether it was written.

        Called every few seconds. Raises Unavailable when the database can't be written.
        """
        pauses = self._paused()
        which = frozenset((pause.source, pause.since) for pause in pauses)
        if which == self._said and (not which or now - self._said_at < STALE / 5):
            return False
        told = [PausedSource(named(p.source), p.since, p.reason, p.refused, p.turned_away) for p in pauses]
        with self._db.session() as session:
            replace_pauses(session, self._who, told, now)
        self._said, self._said_at = which, now
        return True
