"""Metrics of ranked lists: requests whose items were scored, beside the relevance that their labels gave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.performance.intervals import mean_point
from monitor.points import Point, share_point
from monitor.profiles import RankingProfile
from monitor.profiles.label_ranking import RANKING_DEPTH

_NONE = "no request has two labelled items"
DISCOUNTS = tuple(math.fsum(1 / math.log2(place + 1) for place in range(1, k + 1)) for k in range(RANKING_DEPTH + 1))
"""The discounts of the first k places together, k = 0 … 10."""


def ranking_points(profile: RankingProfile) -> list[Point]:
    """`ndcg` at 10, `map`, `mrr` and `hit_rate` at 10: means over requests, with intervals over requests."""
    n = profile.requests
    means = {
        "ndcg": (profile.ndcg, profile.ndcg_square),
        "map": (profile.average_precision, profile.average_precision_square),
        "mrr": (profile.reciprocal_rank, profile.reciprocal_rank_square),
    }
    points = [mean_point(metric, total, square, n, _NONE, 0.0) for metric, (total, square) in means.items()]
    hits = share_point("hit_rate", profile.hits, n)
    return [*points, hits if n else Point("hit_rate", None, 0, status=points[0].status, reason=_NONE)]


def request_values(scores: NDArray[Any], relevance: NDArray[Any]) -> tuple[float, float, float, bool]:
    """NDCG at 10, average precision, reciprocal rank and whether the first 10 have a relevant item, of one request.

    NDCG is linear in the relevance and shares the places of equal scores among them, as scikit-learn's ndcg_score
    (McSherry, Najork 2008); the others take an item of equal score as ranked last among them, as
    average_precision_score does. Without a relevant item all are 0. A relevance below 0 counts as 0.
    """
    order = np.argsort(-scores, kind="stable")
    scores, relevance = scores[order], np.maximum(relevance[order].astype(np.float64), 0.0)
    _, first, size = np.unique(-scores, return_index=True, return_counts=True)
    cumulated = np.array(DISCOUNTS)
    last = first + size
    share = (cumulated[np.minimum(last, RANKING_DEPTH)] - cumulated[np.minimum(first, RANKING_DEPTH)]) / size
    gain = float((np.add.reduceat(relevance, first) * share).sum())
    best = np.sort(relevance)[::-1][:RANKING_DEPTH]
    ideal = float((best * np.diff(cumulated)[: len(best)]).sum())
    relevant = np.add.reduceat((relevance > 0).astype(np.float64), first)
    if not relevant.sum():
        return 0.0, 0.0, 0.0, False
    precision = np.cumsum(relevant) / last
    top = int(last[np.flatnonzero(relevant)[0]])
    ndcg = gain / ideal if ideal else 0.0
    return ndcg, float((relevant * precision).sum() / relevant.sum()), 1 / top, top <= RANKING_DEPTH
