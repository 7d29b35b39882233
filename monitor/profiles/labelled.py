"""Predictions beside their labels, as counts and sums: what performance metrics are computed from."""

from __future__ import annotations

import msgspec

from monitor.profiles.label_errors import ErrorProfile, LabelMoments
from monitor.profiles.label_ranking import MultilabelProfile, RankingProfile, merge_scores
from monitor.profiles.label_scores import (
    CALIBRATION_BINS,
    CLASS_BINS_PER_UNIT,
    SCORE_BINS_PER_UNIT,
    ProbabilityProfile,
    Ranking,
    ScoreProfile,
    Spread,
)
from monitor.profiles.service import LatencySketch

__all__ = [
    "CALIBRATION_BINS",
    "CLASS_BINS_PER_UNIT",
    "SCORE_BINS_PER_UNIT",
    "CustomValue",
    "ErrorProfile",
    "LabelMoments",
    "LabelledProfile",
    "MultilabelProfile",
    "ProbabilityProfile",
    "Ranking",
    "RankingProfile",
    "ScoreProfile",
    "Spread",
]


class CustomValue(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a custom metric gave for `n` rows of one window, its standard error, and why there is no value if not."""

    n: int = 0
    value: float | None = None
    error: float | None = None
    reason: str = ""

    def merge(self, other: CustomValue) -> CustomValue:
        """Values of a function that is known by its name only can't be merged."""
        if not self.n or not other.n:
            return self if self.n else other
        return CustomValue(self.n + other.n, reason="a custom metric is known for single windows only")


class LabelledProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """The labelled part of a window. `confusion` counts (label, prediction) pairs of classes.

    `scores` are those of the positive class (binary), `classes` of each class against the rest (multiclass).
    `delay` sketches the seconds from a prediction to its first label.
    """

    labelled: int = 0
    predicted: int = 0
    confusion: dict[str, dict[str, int]] = {}
    scores: ScoreProfile = ScoreProfile()
    errors: ErrorProfile = ErrorProfile()
    probabilities: ProbabilityProfile = ProbabilityProfile()
    classes: dict[str, ScoreProfile] = {}
    spread: Spread = Spread()
    multilabel: MultilabelProfile = MultilabelProfile()
    ranking: RankingProfile = RankingProfile()
    delay: LatencySketch = LatencySketch()
    custom: dict[str, CustomValue] = {}

    def merge(self, other: LabelledProfile) -> LabelledProfile:
        nothing = CustomValue()
        return LabelledProfile(
            self.labelled + other.labelled,
            self.predicted + other.predicted,
            self._merge_confusion(other),
            self.scores.merge(other.scores),
            self.errors.merge(other.errors),
            self.probabilities.merge(other.probabilities),
            merge_scores(self.classes, other.classes),
            self.spread.merge(other.spread),
            self.multilabel.merge(other.multilabel),
            self.ranking.merge(other.ranking),
            self.delay.merge(other.delay),
            {
                name: self.custom.get(name, nothing).merge(other.custom.get(name, nothing))
                for name in {**self.custom, **other.custom}
            },
        )

    def _merge_confusion(self, other: LabelledProfile) -> dict[str, dict[str, int]]:
        confusion = {label: dict(row) for label, row in self.confusion.items()}
        for label, row in other.confusion.items():
            merged = confusion.setdefault(label, {})
            for prediction, count in row.items():
                merged[prediction] = merged.get(prediction, 0) + count
        return confusion
