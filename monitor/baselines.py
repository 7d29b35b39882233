"""Baselines: a frozen reference, with its bins, and its own blocks of time to tell drift from ordinary variation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile, WindowProfile, merge_all
from monitor.profiles.quality import QualityLimits

MOST_BINS = 64
# Finer bins far out, where heavier tails and a few broken rows show, as long as a bin holds five rows of the baseline.
TAIL_QUANTILES = (0.001, 0.0025, 0.005)
LEAST_IN_TAIL = 5
LEAST_SEEN = 5
MOST_CATEGORIES = 200
MOST_MOVED = 0.03


class NumericBins(msgspec.Struct, frozen=True, tag="numeric"):
    """Ascending edges; see NumericProfile for which bin holds an edge."""

    edges: tuple[float, ...]


class CategoryBins(msgspec.Struct, frozen=True, tag="categorical"):
    """The categories with a bin of their own; any other value counts as unseen."""

    categories: tuple[str, ...]


Bins = NumericBins | CategoryBins


class SegmentReference(msgspec.Struct, frozen=True):
    """One segment of a baseline: all its rows, and its blocks in time order where it had rows in them."""

    whole: WindowProfile
    blocks: tuple[WindowProfile, ...] = ()


class BaselineProfile(msgspec.Struct, frozen=True):
    """What a baseline keeps: bins, the profile of all its rows, and the profiles of its blocks in time order.

    Blocks are the baseline's windows where it spans at least five of them, else ten equal parts in time order. They
    show how much the model's inputs, scores and accuracy vary when nothing is wrong. `segments` is by segment key, such
    as "region=eu": a segment is compared with itself. `limits` is what windows' rows are counted against.
    """

    columns: dict[str, Bins]
    prediction: Bins | None
    whole: WindowProfile
    blocks: tuple[WindowProfile, ...] = ()
    segments: dict[str, SegmentReference] = {}
    limits: QualityLimits = QualityLimits()


LEAST_WINDOWS = 3
"""Fewer earlier windows are no reference: one odd window would be a third of it."""


def derived_baseline(
    frozen: BaselineProfile, windows: Sequence[WindowProfile], least: int = LEAST_WINDOWS
) -> BaselineProfile | None:
    """A reference of earlier windows: their merge on the frozen bins, with each of them as a block, in time order.

    Windows without rows, or on other bins (of an earlier baseline), are left out; None when fewer than `least` remain.
    """
    blocks = tuple(window for window in windows if window.service.rows and _is_on_bins(window, frozen))
    if len(blocks) < least:
        return None
    return msgspec.structs.replace(frozen, whole=merge_all(blocks), blocks=blocks, segments={})


def _is_on_bins(window: WindowProfile, frozen: BaselineProfile) -> bool:
    columns = [(window.columns.get(name), bins) for name, bins in frozen.columns.items()]
    if frozen.prediction is not None:
        columns.append((window.prediction, frozen.prediction))
    return all(column is None or _bins_of(column) == bins for column, bins in columns)


def _bins_of(column: ColumnProfile) -> Bins:
    return NumericBins(column.edges) if isinstance(column, NumericProfile) else CategoryBins(column.categories)


def numeric_bins(values: NDArray[np.float64]) -> NumericBins:
    """Edges for a numeric column: its own values where they are few, else its 64-quantiles and some far out.

    >>> numeric_bins(np.array([1.0, 2.0, 2.0, 5.0])).edges
    (1.0, 2.0, 5.0)
    """
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if distinct.size <= MOST_BINS:
        return NumericBins(tuple(distinct.tolist()))
    tails = [q for q in TAIL_QUANTILES if q * finite.size >= LEAST_IN_TAIL]
    at = [*tails, *np.linspace(0, 1, MOST_BINS + 1)[1:-1], *(1 - q for q in tails)]
    quantiles = np.unique(np.quantile(finite, at, method="inverted_cdf"))
    # What lies beyond the largest value seen shares the last bin: a top code that moves by one is no drift.
    return NumericBins(tuple(quantiles[quantiles < distinct[-1]].tolist()))


def category_bins(counts: Mapping[str, int]) -> CategoryBins:
    """The most frequent categories, at most 200; ties in alphabetical order so that the choice is repeatable.

    Where there are more, those that are frequent by chance have no bin: the chosen few of many alike would be rarer in
    any other rows, and each value of an identifier is one of many alike.
    """
    if len(counts) <= MOST_CATEGORIES:
        return CategoryBins(tuple(sorted(counts)))
    least = _least_seen(np.array(list(counts.values())))
    ranked = sorted((name for name, seen in counts.items() if seen >= least), key=lambda name: (-counts[name], name))
    return CategoryBins(tuple(sorted(ranked[:MOST_CATEGORIES])))


def _least_seen(seen: NDArray[np.int64]) -> int:
    """How often a category must be seen to have a bin, at least five times; `seen` is by category.

    Of categories seen at least c times, other rows hold as many as these rows hold of categories seen more than c times
    (Robbins 1956): the choice itself moves the share by the rows of those seen c times. As a Jensen-Shannon distance
    that must be little, and little beside what chance makes in a window of a tenth of the rows. How many categories are
    seen c times is smoothed over counts on both sides: where counts end, the next ones alone hold none.
    """
    rows = float(seen.sum())
    most = min(MOST_MOVED, (2 / rows) ** 0.5)
    for least in range(max(LEAST_SEEN, int(np.partition(seen, -MOST_CATEGORIES)[-MOST_CATEGORIES])), int(seen.max())):
        reach = int(least**0.5)  # as far as one category's count varies by chance
        moved = least * np.count_nonzero(abs(seen - least) <= reach) / (2 * reach + 1) / rows
        share = float(seen[seen >= least].sum()) / rows
        if moved <= most * (8 * share * (1 - share)) ** 0.5:
            return least
    return int(seen.max()) + 1


def empty_profile(bins: Bins) -> NumericProfile | CategoricalProfile:
    if isinstance(bins, NumericBins):
        return NumericProfile.zero(bins.edges)
    return CategoricalProfile.zero(bins.categories)


def empty_window(columns: Mapping[str, Bins], prediction: Bins | None) -> WindowProfile:
    """A window without rows on these bins; stored windows that hold no bins of their own are read with it."""
    return WindowProfile(
        columns={name: empty_profile(bins) for name, bins in columns.items()},
        prediction=empty_profile(prediction) if prediction else None,
    )


def encode_baseline(baseline: BaselineProfile) -> bytes:
    return msgspec.msgpack.encode(baseline)


def decode_baseline(payload: bytes) -> BaselineProfile:
    return msgspec.msgpack.decode(payload, type=BaselineProfile)


class _BinsOnly(msgspec.Struct, frozen=True):
    columns: dict[str, Bins]
    prediction: Bins | None = None


def decode_bins(payload: bytes) -> WindowProfile:
    """A window without rows on a stored baseline's bins; a hundredth of the work of reading the whole baseline."""
    bins = msgspec.msgpack.decode(payload, type=_BinsOnly)
    return empty_window(bins.columns, bins.prediction)
