"""When to look again for the labels of a baseline: ever more seldom, as ever fewer come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.db.models import Baseline

WAIT = 0.1
"""The share of a baseline's age that passes between two looks. A year takes some 140, and not one per window."""


@dataclass(frozen=True, slots=True)
class LabelLooks:
    """The last look for each baseline's labels by this process, whose first look comes at once."""

    _last: dict[int, datetime] = field(default_factory=dict)

    def is_due(self, baseline: Baseline, now: datetime) -> bool:
        """Whether it is time to look; if so, that is noted."""
        last = self._last.get(baseline.id)
        if last is not None and now - last < max(last - baseline.created_at, timedelta(0)) * WAIT:
            return False
        self._last[baseline.id] = now
        return True
