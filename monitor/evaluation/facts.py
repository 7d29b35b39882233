"""What a verdict depends on, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from monitor.baselines import BaselineProfile
from monitor.drift import ColumnVerdict
from monitor.estimation import Estimator
from monitor.evaluation.rules import MonitorRule, Severity, Verdict
from monitor.fairness import fairness_points
from monitor.identity_cache import IdentityCache
from monitor.performance import performance_points
from monitor.performance.classification import Costs
from monitor.points import Point, Status
from monitor.profiles import WindowProfile
from monitor.quality.volume import Rhythm
from monitor.schemas import Task
from monitor.service import service_points
from monitor.windows import Window

_measured_baselines: IdentityCache[list[dict[str, Point]]] = IdentityCache()


@dataclass(frozen=True)
class WindowFacts:
    """All that a verdict depends on. `history` holds each metric's values in earlier windows, the newest last."""

    window: Window
    profile: WindowProfile
    baseline: BaselineProfile | None = None
    baseline_name: str = ""
    task: Task | None = None
    positive_class: str | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    earlier: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By (metric, "1w"): the metric's value in the window that much before this one, for relative thresholds."""
    column_verdicts: Sequence[ColumnVerdict] | None = None
    """The features' drift where it was judged before: together with other segments', or by a preset on rows."""
    prediction_verdict: ColumnVerdict | None = None
    estimator: Estimator | None = None
    rhythm: Rhythm | None = None
    """The number of rows that is usual at this time."""

    costs: Costs | None = None
    """What a prediction costs, by label and prediction."""

    @property
    def block_points(self) -> list[dict[str, Point]]:
        """Each block of the baseline as points by metric."""
        return self._baseline_points[1:]

    @property
    def whole_points(self) -> dict[str, Point]:
        """The whole baseline as points by metric."""
        return self._baseline_points[0]

    @cached_property
    def _baseline_points(self) -> list[dict[str, Point]]:
        baseline = self.baseline
        if baseline is None:
            return [{}]

        def measure() -> list[dict[str, Point]]:
            return [self._measured(profile) for profile in (baseline.whole, *baseline.blocks)]

        # The same for every window: its size only enters counts, which a baseline says nothing about.
        return _measured_baselines.get(baseline, (self.task, self.positive_class, repr(self.costs)), measure)

    def _measured(self, profile: WindowProfile) -> dict[str, Point]:
        found = plain_points(profile, self)
        return {point.metric: point for point in found if point.status is Status.OK and not point.column}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One monitor's verdict on one window, with its reason in words and its evidence as JSON-ready data."""

    rule: MonitorRule
    verdict: Verdict
    severity: Severity
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str
    evidence: dict[str, Any]
    columns: tuple[str, ...] = ()


def plain_points(profile: WindowProfile, facts: WindowFacts) -> list[Point]:
    """Service and performance metrics: those that need no baseline."""
    return [
        *service_points(profile.service, facts.window.size),
        *performance_points(profile.labelled, facts.task, facts.positive_class, facts.costs),
        *fairness_points(profile.groups),
    ]
