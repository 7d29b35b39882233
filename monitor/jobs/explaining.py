"""Explaining the breaches of a window: what moved, how much it matters to the model, and whether it looks broken.

An explanation depends on the window, its baseline and its monitors' references alone, so that it is the same whenever
the window is judged; since when it is so, the incident says (`monitor.explanation.dated`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import pyarrow as pa

from monitor.baselines import BaselineProfile
from monitor.db import catalog
from monitor.db.database import Session
from monitor.db.models import Baseline
from monitor.drift import DriftRule, judge_columns
from monitor.estimation import realised_metric
from monitor.evaluation import Judgement, MonitorRule, Verdict
from monitor.evaluation.quality_verdict import findings_of
from monitor.evaluation.segments import Result
from monitor.evaluation.threshold_kinds import PRESET_KINDS, SEQUENCE
from monitor.explanation import Explanation, Fall, SegmentFall, explain, fallen_segments
from monitor.jobs.judging import is_special
from monitor.jobs.stores import Stores
from monitor.jobs.window_profiles import Watched
from monitor.metrics import describe
from monitor.performance import PERFORMANCE_METRICS, performance_points
from monitor.points import Point, Status, undefined
from monitor.profiles import LabelledProfile, WindowProfile
from monitor.quality import QualityFinding, QualityRule, judge_quality
from monitor.sample import decode_sample, trim_texts
from monitor.schemas import Task
from monitor.segments import ALL, segment_baseline

log = logging.getLogger(__name__)

MOST_ROWS = 2000
"""Rows of the window that units and spellings are told from; quantiles of more say the same."""
MOST_TO_READ = 20_000
"""Windows of more rows are explained from their profiles alone, which takes as long whatever their size."""
OF_SEGMENT = 3
"""Columns that a segment's explanation keeps, which are those its sentence names: segments are many."""

Reference = Callable[[MonitorRule, str], BaselineProfile | None]
"""What a monitor compares a segment with."""
Rows = tuple[pa.Table | None, pa.Table | None]


def is_explained(metric: str) -> bool:
    """Whether its breaches come with an explanation: drift, data quality, performance, and estimates of that."""
    return metric in ("drift", "prediction_drift", "data_quality") or realised_metric(metric) in PERFORMANCE_METRICS


@dataclass(frozen=True)
class Explainer:
    """Explains the breaches of one window; rows and importances are read when the first one needs them."""

    stores: Stores
    session: Session
    watched: Watched
    profiles: Mapping[str, WindowProfile]
    reference: Reference

    def explain_all(self, results: Mapping[str, Result]) -> dict[str, Result]:
        """The results with an `explanation` in the evidence of each breach that can have one."""
        return {
            key: (points, [self.explained(key, judgement, (points, judgements)) for judgement in judgements])
            for key, (points, judgements) in results.items()
        }

    def explained(self, key: str, judgement: Judgement, result: Result) -> Judgement:
        """The judgement with its explanation. What goes wrong is logged: a window never fails for want of one."""
        if judgement.verdict is not Verdict.BREACH or not is_explained(judgement.rule.metric):
            return judgement
        try:
            found = self._explain(key, judgement, result)
        except Exception:
            log.exception("no explanation of %s at %s", judgement.rule.name, self.watched.window.start)
            return judgement
        return (
            replace(judgement, evidence={**judgement.evidence, "explanation": found.evidence()}) if found else judgement
        )

    def _explain(self, key: str, judgement: Judgement, result: Result) -> Explanation | None:
        baseline, profile = self.reference(judgement.rule, key), self.profiles[key]
        if baseline is None:
            return None
        drift = _drift(judgement, result, baseline, profile)
        faults = _faults(judgement, result, baseline, profile)
        if judgement.rule.metric == "data_quality":  # what is whole and merely drifted is another monitor's finding
            broken = {finding.column for finding in findings_of(judgement)}
            drift = {name: distance for name, distance in drift.items() if name in broken}
            faults = [finding for finding in faults if finding.column in broken]
        fall = self._fall(judgement, baseline)
        segments = self._fallen_segments(judgement, baseline) if fall and key == ALL else []
        before, after = self._rows if key == ALL and (drift or faults) else (None, None)
        found = explain(
            baseline,
            profile,
            drift,
            self._importance,
            faults,
            fall=fall,
            segments=segments,
            reference_rows=before,
            window_rows=after,
            answers=judgement.rule.metric == "prediction_drift",
        )
        return found if key == ALL else msgspec.structs.replace(found, columns=found.columns[:OF_SEGMENT])

    def _fall(self, judgement: Judgement, baseline: BaselineProfile) -> Fall | None:
        """What a performance metric, or its estimate, was in the baseline and is now, where that is for the worse."""
        metric = judgement.rule.metric
        if realised_metric(metric) not in PERFORMANCE_METRICS or judgement.value is None:
            return None
        usual = self._measure(realised_metric(metric), baseline.whole.labelled)
        if usual.status is not Status.OK or usual.value is None:
            return None
        rose, bad = judgement.value > usual.value, describe(realised_metric(metric)).bad
        is_worse = judgement.value != usual.value and (bad == "both" or rose == (bad == "high"))
        return Fall(metric, usual.value, judgement.value) if is_worse else None

    def _fallen_segments(self, judgement: Judgement, baseline: BaselineProfile) -> list[SegmentFall]:
        """Where labels say that the metric fell most; what an estimate says of segments is not known."""
        metric = judgement.rule.metric
        if metric not in PERFORMANCE_METRICS:
            return []
        cut = {key: each for key in self.profiles if key != ALL and (each := segment_baseline(baseline, key))}
        return fallen_segments(
            metric,
            {key: each.whole.labelled for key, each in cut.items()},
            {key: self.profiles[key].labelled for key in cut},
            lambda labelled: self._measure(metric, labelled),
        )

    def _measure(self, metric: str, labelled: LabelledProfile) -> Point:
        model = self.watched.model
        task = Task(model.task) if model.task else None
        points = performance_points(labelled, task, model.positive_class, self.watched.costs)
        found = (point for point in points if point.metric == metric and not point.column)
        return next(found, None) or undefined(metric, 0, f"this model has no {metric}")

    @cached_property
    def _importance(self) -> dict[str, float]:
        return dict(self._stored.importance or {}) if self._stored else {}

    @cached_property
    def _rows(self) -> Rows:
        """Rows of the baseline and of the window, where the window is not too large to read them."""
        sample = self._stored.sample if self._stored else None
        if sample is None or self.profiles[ALL].service.rows > MOST_TO_READ:
            return None, None
        window, name = self.watched.window, self.watched.model.name
        features = catalog.read_features(self.session, self.watched.model.id)
        predictions = self.stores.predictions(name, window.start, window.end)
        rows = self.stores.engine.rows(predictions, window.start, window.end, features, MOST_ROWS)
        return decode_sample(sample), trim_texts(rows)

    @cached_property
    def _stored(self) -> Baseline | None:
        ident = self.watched.baseline_id
        return self.session.get(Baseline, ident) if ident is not None else None


def _drift(judgement: Judgement, result: Result, baseline: BaselineProfile, profile: WindowProfile) -> dict[str, float]:
    """The distance of every feature that is flagged: by this monitor, else by another of the window, else as usual."""
    points, judgements = result
    found = _own("drift", judgement) or _plain("drift", judgement.rule, judgements)
    if found is None:
        flagged = {v.name: v.value for v in judge_columns(baseline, profile, DriftRule()) if v.breach}
    else:
        flagged = {column["name"]: column["value"] for column in found.evidence["columns"]}
        if found.rule.threshold.get("kind") in PRESET_KINDS:  # some values are p-values: the less, the more drift
            distances = {point.column: point.value for point in points if point.metric == "drift"}
            flagged = {name: distances.get(name, value) for name, value in flagged.items()}
    return {name: abs(value) for name, value in flagged.items() if value is not None and math.isfinite(value)}


def _faults(
    judgement: Judgement, result: Result, baseline: BaselineProfile, profile: WindowProfile
) -> list[QualityFinding]:
    """What is wrong with the data: as this monitor says, else as another of the window, else as usual.

    What a monitor leaves out, as others alarm about it, explains all the same.
    """
    found = _own("data_quality", judgement) or _plain("data_quality", judgement.rule, result[1])
    usual = judge_quality(baseline, profile, QualityRule())
    if found is None:
        return usual
    left_out = found.rule.threshold.get("leave_out", ())
    return [*findings_of(found), *(finding for finding in usual if finding.kind in left_out)]


def _own(metric: str, judgement: Judgement) -> Judgement | None:
    """The judgement, if it is of this metric and names columns; one of a sequence names none."""
    return judgement if judgement.rule.metric == metric and judgement.evidence["columns"] else None


def _plain(metric: str, rule: MonitorRule, judgements: list[Judgement]) -> Judgement | None:
    """What a monitor said of the metric, if it and this rule compare with the frozen baseline, and it could tell."""
    if is_special(rule):
        return None
    decided = (each for each in judgements if each.verdict in (Verdict.OK, Verdict.BREACH))
    plain = (each for each in decided if each.rule.threshold.get("kind") != SEQUENCE and not is_special(each.rule))
    return next((each for each in plain if each.rule.metric == metric), None)
