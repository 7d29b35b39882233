"""When to try again, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first` up to `longest`, each stretched or shrunk by up to `jitter`; `attempts` in all."""

    first: timedelta
    longest: timedelta
    attempts: int
    jitter: float = 0.2

    def wait(self, attempt: int, rng: Random, retry_after: float | None = None) -> timedelta | None:
        """How long to wait after failed attempt number `attempt` (from 1); None when it was the last one.

        A receiver that said when to come back is not asked earlier.
        """
        if attempt >= self.attempts:
            return None
        doubled = self.first * 2.0 ** min(attempt - 1, 30)
        wait = min(doubled, self.longest) * rng.uniform(1 - self.jitter, 1 + self.jitter)
        return max(wait, timedelta(seconds=retry_after or 0))


MESSAGES = Backoff(first=timedelta(seconds=5), longest=timedelta(hours=1), attempts=34)
"""About 24 hours: 5 s, 10 s, 20 s … 43 min, then hourly."""

RESPONSES = Backoff(first=timedelta(seconds=5), longest=timedelta(minutes=15), attempts=12)
"""About an hour: what was the right thing to do may no longer be."""
