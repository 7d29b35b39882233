"""What every job works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.config import Settings
from monitor.db.database import Database
from monitor.engines import Engine, RowSource
from monitor.jobs.known_baselines import KnownBaselines
from monitor.lake import Kind, Lake
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
    baselines: KnownBaselines = field(default_factory=KnownBaselines)

    @property
    def window_size(self) -> timedelta:
        return parse_size(self.settings.monitoring.window)

    def predictions(self, model: str, start: datetime | None = None, end: datetime | None = None) -> RowSource:
        """The files that may hold predictions with event times in [start, end)."""
        return RowSource(self.lake.files(model, Kind.PREDICTIONS, start, end))

    def labels(self, model: str, since: datetime | None = None) -> RowSource:
        """The files that may hold labels of predictions made at `since` or later."""
        return RowSource(self.lake.files(model, Kind.LABELS, since - _LABEL_SLACK if since else None))
