"""Scores beside labels: how well they rank, and how good they are as probabilities."""

from __future__ import annotations

import math

import msgspec

SCORE_BINS_PER_UNIT = 2048
CLASS_BINS_PER_UNIT = 256
"""The grid of a class among many: there is one per class, so each is coarser."""
CALIBRATION_BINS = 10


class Ranking(msgspec.Struct, frozen=True, omit_defaults=True):
    """How well the scores of one window order its labels: exact values with their standard errors."""

    auc: float
    auc_error: float
    average_precision: float
    average_precision_error: float


class ScoreProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Labelled scores on a fixed grid: bucket floor(score * per_unit) → how many (negatives, positives).

    `ranking` is exact and known for the rows of one window only: two windows' scores can't be ordered among each other
    from it, so a merge of windows goes back to the grid.
    """

    buckets: dict[int, tuple[int, int]] = {}
    per_unit: int = SCORE_BINS_PER_UNIT
    ranking: Ranking | None = None

    @property
    def negatives(self) -> int:
        return sum(pair[0] for pair in self.buckets.values())

    @property
    def positives(self) -> int:
        return sum(pair[1] for pair in self.buckets.values())

    def merge(self, other: ScoreProfile) -> ScoreProfile:
        if not self.buckets:
            return other
        if not other.buckets:
            return self
        buckets = dict(self.buckets)
        for index, (negatives, positives) in other.buckets.items():
            old = buckets.get(index, (0, 0))
            buckets[index] = (old[0] + negatives, old[1] + positives)
        return ScoreProfile(buckets, self.per_unit)


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far `n` sampled rows move each metric that is a mean over classes: the sums of their squared influences."""

    n: int = 0
    squares: dict[str, float] = {}

    def error(self, metric: str, rows: int) -> float:
        """The metric's standard error for so many rows; nan where no row was sampled."""
        if not self.n or not rows or metric not in self.squares:
            return math.nan
        return math.sqrt(self.squares[metric] / self.n / rows)

    def merge(self, other: Spread) -> Spread:
        names = {**self.squares, **other.squares}
        return Spread(
            self.n + other.n, {name: self.squares.get(name, 0.0) + other.squares.get(name, 0.0) for name in names}
        )


class ProbabilityProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Probabilities beside what happened, as sums over `n` rows; `outside` more rows have no value in [0, 1].

    `log_loss` and `brier` are the sums of the rows' losses, `log_loss_square` and `brier_square` of their squares.
    `bins` are ten equal parts of [0, 1] → (predictions, their summed confidence, how many came true), and `gap_square`
    sums (confidence - came true)², from which the calibration error's interval is made.
    """

    n: int = 0
    outside: int = 0
    log_loss: float = 0.0
    log_loss_square: float = 0.0
    brier: float = 0.0
    brier_square: float = 0.0
    bins: dict[int, tuple[int, float, int]] = {}
    gap_square: float = 0.0

    def merge(self, other: ProbabilityProfile) -> ProbabilityProfile:
        bins = dict(self.bins)
        for index, (rows, confidence, hits) in other.bins.items():
            old = bins.get(index, (0, 0.0, 0))
            bins[index] = (old[0] + rows, old[1] + confidence, old[2] + hits)
        return ProbabilityProfile(
            self.n + other.n,
            self.outside + other.outside,
            self.log_loss + other.log_loss,
            self.log_loss_square + other.log_loss_square,
            self.brier + other.brier,
            self.brier_square + other.brier_square,
            bins,
            self.gap_square + other.gap_square,
        )
