"""A model's earlier windows as they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from monitor.db import results, stored_profiles
from monitor.db.database import Session
from monitor.evaluation import MonitorRule
from monitor.evaluation.references import is_in
from monitor.evaluation.sequence_verdict import MOST_WATCHED, Observed
from monitor.jobs.window_profiles import Watched
from monitor.profiles import WindowProfile, decode_profile
from monitor.quality import rhythm_starts
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """Reads in one session; `monitor_ids` is by monitor name."""

    session: Session
    watched: Watched
    monitor_ids: Mapping[str, int]

    def earlier(self, metrics: Sequence[str], window: Window, key: str) -> Mapping[str, Sequence[float]]:
        return results.earlier_values(self.session, self.watched.model.id, metrics, window, segment=key)

    def value(self, metric: str, start: datetime, key: str) -> float | None:
        return results.value_at(
            self.session, self.watched.model.id, metric, self.watched.window.seconds, start, segment=key
        )

    def counts(self, window: Window, key: str) -> Sequence[tuple[datetime, float]]:
        return results.values_at(
            self.session, self.watched.model.id, "predictions", window.seconds, rhythm_starts(window), segment=key
        )

    def sequence(self, metric: str, since: datetime | None, window: Window, key: str) -> Sequence[Observed]:
        model_id = self.watched.model.id
        found = results.sequence_values(self.session, model_id, metric, window, since, MOST_WATCHED, key)
        return [Observed(*each) for each in found]

    def normal(self, rule: MonitorRule, spans: Sequence[Window], key: str) -> list[WindowProfile]:
        start, end = spans[0].start, spans[-1].end
        monitor_id, model_id = self.monitor_ids.get(rule.name), self.watched.model.id
        broken = (
            set(stored_profiles.starts_in_breach(self.session, monitor_id, key, start, end)) if monitor_id else set()
        )
        size, bins = self.watched.window.size, self.watched.bins
        return [
            decode_profile(stored.payloads[key], bins)
            for stored in stored_profiles.stored_windows(self.session, model_id, size, start, end, key)
            if stored.baseline_id == self.watched.baseline_id
            and stored.window.start not in broken
            and is_in(spans, stored.window)
        ]
