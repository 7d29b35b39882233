"""Which bins of a column moved: their shares before and after."""

from __future__ import annotations

import msgspec
import numpy as np

from monitor.drift.words import shown
from monitor.profiles import CategoricalProfile, ColumnProfile, NumericProfile

TENTHS = 10


class MovedBin(msgspec.Struct, frozen=True):
    """One bin and its share of the rows; `low` and `high` bound a numeric one (None: open), `category` names others."""

    before: float
    after: float
    low: float | None = None
    high: float | None = None
    category: str = ""


def moved_bins(reference: ColumnProfile, current: ColumnProfile, most: int = 3) -> list[MovedBin]:
    """The bins whose share changed most, the largest change first; numeric ones are tenths of the baseline."""
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        bins = _tenths(reference, current)
    elif isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        bins = _categories(reference, current)
    else:
        bins = []
    bins += _missing(reference, current)
    moved = [found for found in bins if found.before != found.after]
    return sorted(moved, key=lambda found: -round(abs(found.after - found.before), 9))[:most]


def _tenths(reference: NumericProfile, current: NumericProfile) -> list[MovedBin]:
    if not reference.n or not current.n or reference.edges != current.edges:
        return []
    reached = np.cumsum(reference.counts) / reference.n
    wanted = np.arange(1, TENTHS) / TENTHS
    last = sorted({int(place) for place in np.searchsorted(reached, wanted)} - {len(reference.counts) - 1})
    starts = [0, *(place + 1 for place in last)]
    bounds = [None, *(reference.edges[place] for place in last), None]
    before = np.add.reduceat(np.asarray(reference.counts, dtype=np.float64), starts) / reference.n
    after = np.add.reduceat(np.asarray(current.counts, dtype=np.float64), starts) / current.n
    return [
        MovedBin(float(b), float(a), bounds[i], bounds[i + 1])
        for i, (b, a) in enumerate(zip(before, after, strict=True))
    ]


def _categories(reference: CategoricalProfile, current: CategoricalProfile) -> list[MovedBin]:
    if not reference.n or not current.n or reference.categories != current.categories:
        return []
    named = [
        MovedBin(before / reference.n, after / current.n, category=shown(name))
        for name, before, after in zip(reference.categories, reference.counts, current.counts, strict=True)
    ]
    unseen = MovedBin(reference.unseen / reference.n, current.unseen / current.n, category="unseen categories")
    return [*named, unseen]


def _missing(reference: ColumnProfile, current: ColumnProfile) -> list[MovedBin]:
    if not reference.rows or not current.rows:
        return []
    return [MovedBin(reference.missing / reference.rows, current.missing / current.rows, category="(missing)")]
