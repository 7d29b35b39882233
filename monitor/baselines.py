"""Baselines: a frozen reference, with its bins, and its own blocks of time to tell drift from ordinary variation."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.profiles import CategoricalProfile, NumericProfile, WindowProfile

MOST_BINS = 64
MOST_CATEGORIES = 200


class NumericBins(msgspec.Struct, frozen=True, tag="numeric"):
    """Ascending edges; see NumericProfile for which bin holds an edge."""

    edges: tuple[float, ...]


class CategoryBins(msgspec.Struct, frozen=True, tag="categorical"):
    """The categories with a bin of their own; any other value counts as unseen."""

    categories: tuple[str, ...]


Bins = NumericBins | CategoryBins


class BaselineProfile(msgspec.Struct, frozen=True):
    """What a baseline keeps: bins, the profile of all its rows, and the profiles of its blocks in time order.

    Blocks are the baseline's windows where it spans at least five of them, else ten equal parts in time order. They
    show how much the model's inputs, scores and accuracy vary when nothing is wrong.
    """

    columns: dict[str, Bins]
    prediction: Bins | None
    whole: WindowProfile
    blocks: tuple[WindowProfile, ...] = ()


def numeric_bins(values: NDArray[np.float64]) -> NumericBins:
    """Edges for a numeric column: its own values where they are few, else its 64-quantiles.

    >>> numeric_bins(np.array([1.0, 2.0, 2.0, 5.0])).edges
    (1.0, 2.0, 5.0)
    """
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if distinct.size <= MOST_BINS:
        return NumericBins(tuple(distinct.tolist()))
    quantiles = np.quantile(finite, np.linspace(0, 1, MOST_BINS + 1)[1:-1], method="inverted_cdf")
    return NumericBins(tuple(np.unique(quantiles).tolist()))


def category_bins(counts: Mapping[str, int]) -> CategoryBins:
    """The most frequent categories, at most 200; ties in alphabetical order so that the choice is repeatable."""
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return CategoryBins(tuple(sorted(ranked[:MOST_CATEGORIES])))


def empty_profile(bins: Bins) -> NumericProfile | CategoricalProfile:
    if isinstance(bins, NumericBins):
        return NumericProfile.zero(bins.edges)
    return CategoricalProfile.zero(bins.categories)


def encode_baseline(baseline: BaselineProfile) -> bytes:
    return msgspec.msgpack.encode(baseline)


def decode_baseline(payload: bytes) -> BaselineProfile:
    return msgspec.msgpack.decode(payload, type=BaselineProfile)
