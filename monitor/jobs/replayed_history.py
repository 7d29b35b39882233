"""A model's earlier windows as a backtest has judged them itself; nothing stored is changed or believed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.evaluation import Judgement, MonitorRule, Verdict
from monitor.evaluation.references import is_in
from monitor.evaluation.sequence_verdict import MOST_WATCHED, Observed, observed
from monitor.points import Point, Status
from monitor.profiles import WindowProfile
from monitor.quality import rhythm_starts
from monitor.windows import Window

MOST_EARLIER = 30


@dataclass(slots=True)
class ReplayedHistory:
    """What the replay has seen so far, by segment. With `keeps_profiles` it can be a reference of its own."""

    keeps_profiles: bool
    watches: str = ""
    """The metric whose values are kept for a sequence."""

    seen: dict[str, list[Observed]] = field(default_factory=lambda: defaultdict(list))
    values: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    points: dict[tuple[str, str], dict[datetime, float]] = field(default_factory=lambda: defaultdict(dict))
    profiles: dict[str, list[tuple[Window, WindowProfile]]] = field(default_factory=lambda: defaultdict(list))
    broken: set[tuple[str, str, datetime]] = field(default_factory=set)

    def add(
        self,
        window: Window,
        key: str,
        profile: WindowProfile,
        points: Sequence[Point],
        judgements: Sequence[Judgement],
    ) -> None:
        """Remember one segment of a window after it has been judged."""
        for point in points:
            if not point.column and point.status is Status.OK and point.value is not None:
                self.values.setdefault((point.metric, key), deque(maxlen=MOST_EARLIER)).append(point.value)
                self.points[point.metric, key][window.start] = point.value
        value = observed(self.watches, window.start, points) if self.watches else None
        if value is not None:
            self.seen[key].append(value)
        for judgement in judgements:
            if judgement.verdict is Verdict.BREACH:
                self.broken.add((judgement.rule.name, key, window.start))
        if self.keeps_profiles:
            self.profiles[key].append((window, profile))

    def earlier(self, metrics: Sequence[str], window: Window, key: str) -> Mapping[str, Sequence[float]]:
        return {metric: list(self.values.get((metric, key), ())) for metric in metrics}

    def value(self, metric: str, start: datetime, key: str) -> float | None:
        return self.points[metric, key].get(start)

    def counts(self, window: Window, key: str) -> Sequence[tuple[datetime, float]]:
        seen = self.points["predictions", key]
        return [(start, seen[start]) for start in rhythm_starts(window) if start in seen]

    def sequence(self, metric: str, since: datetime | None, window: Window, key: str) -> Sequence[Observed]:
        return [each for each in self.seen[key] if since is None or each.start >= since][-MOST_WATCHED:]

    def normal(self, rule: MonitorRule, spans: Sequence[Window], key: str) -> list[WindowProfile]:
        return [
            profile
            for window, profile in self.profiles[key]
            if is_in(spans, window) and (rule.name, key, window.start) not in self.broken
        ]
