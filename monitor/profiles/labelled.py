"""Predictions beside their labels, as counts: what performance metrics are computed from."""

from __future__ import annotations

import msgspec

SCORE_BINS_PER_UNIT = 2048


class ScoreProfile(msgspec.Struct, frozen=True):
    """Labelled scores on a fixed grid: bucket floor(score * 2048) → how many (negatives, positives)."""

    buckets: dict[int, tuple[int, int]] = {}

    def merge(self, other: ScoreProfile) -> ScoreProfile:
        buckets = dict(self.buckets)
        for index, (negatives, positives) in other.buckets.items():
            old = buckets.get(index, (0, 0))
            buckets[index] = (old[0] + negatives, old[1] + positives)
        return ScoreProfile(buckets)


class ErrorProfile(msgspec.Struct, frozen=True):
    """Errors of a regression (prediction - label): their sum, absolute sum and square sum."""

    n: int = 0
    total: float = 0.0
    absolute: float = 0.0
    square: float = 0.0

    def merge(self, other: ErrorProfile) -> ErrorProfile:
        return ErrorProfile(
            self.n + other.n, self.total + other.total, self.absolute + other.absolute, self.square + other.square
        )


class LabelledProfile(msgspec.Struct, frozen=True):
    """The labelled part of a window. `confusion` counts (label, prediction) pairs of classes."""

    labelled: int = 0
    predicted: int = 0
    confusion: dict[str, dict[str, int]] = {}
    scores: ScoreProfile = ScoreProfile()
    errors: ErrorProfile = ErrorProfile()

    def merge(self, other: LabelledProfile) -> LabelledProfile:
        confusion = {label: dict(row) for label, row in self.confusion.items()}
        for label, row in other.confusion.items():
            merged = confusion.setdefault(label, {})
            for prediction, count in row.items():
                merged[prediction] = merged.get(prediction, 0) + count
        return LabelledProfile(
            self.labelled + other.labelled,
            self.predicted + other.predicted,
            confusion,
            self.scores.merge(other.scores),
            self.errors.merge(other.errors),
        )
