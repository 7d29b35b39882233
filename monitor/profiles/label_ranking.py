"""Ranked lists beside the relevance of their items, and sets of labels: sums over requests and rows."""

from __future__ import annotations

import msgspec

from monitor.profiles.label_scores import ProbabilityProfile, ScoreProfile, Spread

RANKING_DEPTH = 10
"""How far down a list NDCG and the hit rate look."""


class RankingProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests whose items were ranked, each with at least two labelled items: sums of a value per request.

    `ndcg` and `hits` look at the first 10 items; the fields that end in _square sum the squares.
    """

    requests: int = 0
    ndcg: float = 0.0
    ndcg_square: float = 0.0
    average_precision: float = 0.0
    average_precision_square: float = 0.0
    reciprocal_rank: float = 0.0
    reciprocal_rank_square: float = 0.0
    hits: int = 0

    def merge(self, other: RankingProfile) -> RankingProfile:
        return RankingProfile(
            self.requests + other.requests,
            self.ndcg + other.ndcg,
            self.ndcg_square + other.ndcg_square,
            self.average_precision + other.average_precision,
            self.average_precision_square + other.average_precision_square,
            self.reciprocal_rank + other.reciprocal_rank,
            self.reciprocal_rank_square + other.reciprocal_rank_square,
            self.hits + other.hits,
        )


class MultilabelProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows that carry a set of classes: `exact` were predicted to the last one.

    `counts` has per class how often it was (rightly predicted, wrongly predicted, missed); `scores` its scores.
    """

    n: int = 0
    exact: int = 0
    counts: dict[str, tuple[int, int, int]] = {}
    scores: dict[str, ScoreProfile] = {}
    probabilities: ProbabilityProfile = ProbabilityProfile()
    spread: Spread = Spread()

    def merge(self, other: MultilabelProfile) -> MultilabelProfile:
        counts = dict(self.counts)
        for name, (right, wrong, missed) in other.counts.items():
            old = counts.get(name, (0, 0, 0))
            counts[name] = (old[0] + right, old[1] + wrong, old[2] + missed)
        return MultilabelProfile(
            self.n + other.n,
            self.exact + other.exact,
            counts,
            merge_scores(self.scores, other.scores),
            self.probabilities.merge(other.probabilities),
            self.spread.merge(other.spread),
        )


def merge_scores(a: dict[str, ScoreProfile], b: dict[str, ScoreProfile]) -> dict[str, ScoreProfile]:
    """The scores per class of both."""
    nothing = ScoreProfile()
    return {name: a.get(name, nothing).merge(b.get(name, nothing)) for name in {**a, **b}}
