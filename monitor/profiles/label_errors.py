"""Errors of a regression beside its labels, as sums that merge."""

from __future__ import annotations

import msgspec

FARTHEST = 1e70
"""Errors and labels further out than this are held here in moments: its fourth power still is a float."""


class LabelMoments(msgspec.Struct, frozen=True, omit_defaults=True):
    """Moments of n labels y about their mean: m2 = Σ(y - mean)², m3, m4; and with the errors e of their predictions:
    cross = Σ e²(y - mean), cross_square = Σ e²(y - mean)².
    """

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    cross: float = 0.0
    cross_square: float = 0.0

    def about(self, mean: float, error_square: float) -> tuple[float, float, float, float, float]:
        """The five sums about another mean, by the binomial theorem; `error_square` is Σ e²."""
        d = max(-FARTHEST, min(self.mean - mean, FARTHEST))
        square, error_square = d * d, min(error_square, self.n * FARTHEST**2)
        return (
            self.m2 + self.n * square,
            self.m3 + 3 * d * self.m2 + self.n * d * square,
            self.m4 + 4 * d * self.m3 + 6 * square * self.m2 + self.n * square * square,
            self.cross + d * error_square,
            self.cross_square + 2 * d * self.cross + square * error_square,
        )


class ErrorProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Errors of a regression (prediction - label): their sum, absolute sum and square sum.

    `over_square` is the square sum of those above zero, `fourth` the sum of fourth powers. `percentage` sums
    |error| / |label| (a label of zero counts as 2.2e-16, as in scikit-learn), `percentage_square` its squares.
    """

    n: int = 0
    total: float = 0.0
    absolute: float = 0.0
    square: float = 0.0
    over_square: float = 0.0
    fourth: float = 0.0
    percentage: float = 0.0
    percentage_square: float = 0.0
    labels: LabelMoments = LabelMoments()

    def merge(self, other: ErrorProfile) -> ErrorProfile:
        return ErrorProfile(
            self.n + other.n,
            self.total + other.total,
            self.absolute + other.absolute,
            self.square + other.square,
            self.over_square + other.over_square,
            self.fourth + other.fourth,
            self.percentage + other.percentage,
            self.percentage_square + other.percentage_square,
            self._merge_labels(other),
        )

    def _merge_labels(self, other: ErrorProfile) -> LabelMoments:
        a, b = self.labels, other.labels
        if not a.n or not b.n:
            return a if a.n else b
        n = a.n + b.n
        mean = (a.n * a.mean + b.n * b.mean) / n
        ours, theirs = a.about(mean, self.square), b.about(mean, other.square)
        return LabelMoments(n, mean, *(x + y for x, y in zip(ours, theirs, strict=True)))
