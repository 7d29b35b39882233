"""What every job works on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.baselines import BaselineProfile, decode_baseline
from monitor.config import Settings
from monitor.db.database import Database
from monitor.engines import Engine, RowSource
from monitor.estimation import Estimator, decode_estimator
from monitor.jobs.label_looks import LabelLooks
from monitor.lake import Kind, Lake
from monitor.recent_cache import RecentCache
from monitor.windows import parse_size

# A label may reach Kedge shortly before the prediction it belongs to, and clocks differ.
_LABEL_SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stores:
    """The control database, the lake, the engine that reads it, and the settings."""

    db: Database
    lake: Lake
    engine: Engine
    settings: Settings
    label_looks: LabelLooks = field(default_factory=LabelLooks, init=False, repr=False)
    _baselines: RecentCache[BaselineProfile] = field(default_factory=RecentCache, init=False, repr=False)
    _estimators: RecentCache[Estimator] = field(default_factory=RecentCache, init=False, repr=False)

    @property
    def window_size(self) -> timedelta:
        return parse_size(self.settings.monitoring.window)

    def predictions(self, model: str, start: datetime | None = None, end: datetime | None = None) -> RowSource:
        """The files that may hold predictions with event times in [start, end)."""
        return RowSource(self.lake.files(model, Kind.PREDICTIONS, start, end))

    def labels(self, model: str, since: datetime | None = None) -> RowSource:
        """The files that may hold labels of predictions made at `since` or later."""
        return RowSource(self.lake.files(model, Kind.LABELS, since - _LABEL_SLACK if since else None))

    def baseline(self, payload: bytes) -> BaselineProfile:
        """A stored baseline, decoded once and not once per window; by its content, as its labels may be refreshed."""
        return self._baselines.get(_digest(payload), lambda: decode_baseline(payload))

    def estimator(self, payload: bytes) -> Estimator:
        """A stored estimator, decoded once as well."""
        return self._estimators.get(_digest(payload), lambda: decode_estimator(payload))


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()
