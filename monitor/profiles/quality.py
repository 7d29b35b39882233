"""What was wrong with a window's rows, as counts: beside the columns' own profiles, which know what was missing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from monitor.profiles.sketch import LatencySketch

_MS = 1000.0


class OutlierModel(msgspec.Struct, frozen=True):
    """Where a baseline's rows lie, to tell how far out another row is.

    A value v of column i becomes z = asinh((v - centres[i]) / scales[i]); a missing one 0. A row's squared distance is
    |whitening @ z|², and `limit` is the one that 99.9 % of the baseline's own rows stay below.
    """

    columns: tuple[str, ...]
    centres: tuple[float, ...]
    scales: tuple[float, ...]
    whitening: tuple[tuple[float, ...], ...]
    limit: float


class QualityLimits(msgspec.Struct, frozen=True):
    """What rows are counted against, frozen with the baseline: [low, high] per numeric column; the outlier model."""

    ranges: dict[str, tuple[float, float]] = {}
    outliers: OutlierModel | None = None


class QualityProfile(msgspec.Struct, frozen=True):
    """Rows of one window, by what is wrong with them.

    `outside` counts finite values beyond the column's range. `appeared` counts the rows that hold a feature which the
    baseline does not know. `alike` of `compared` rows equal another row of the window in every feature, the first of
    them not counted; `repeated` of `identified` rows have another row's prediction id, likewise. (Compared are the rows
    with any feature; of a window of more than 200,000 rows, a part chosen by hash, with all of a row's copies in it
    or none.) Merging adds up: a repeat across two profiles is not seen, so over longer ranges both are lower bounds.
    `outliers` of `tested` rows (a sample of ten thousand or less) lie beyond the outlier model's limit. `delay` is
    received_time - event_time in ms; rows from the future count as on time. `newest` is the largest event time, in
    seconds since 1970.
    """

    rows: int = 0
    outside: dict[str, int] = {}
    appeared: dict[str, int] = {}
    compared: int = 0
    alike: int = 0
    identified: int = 0
    repeated: int = 0
    tested: int = 0
    outliers: int = 0
    delay: LatencySketch = LatencySketch()
    newest: float | None = None

    def merge(self, other: QualityProfile) -> QualityProfile:
        """The profile of both sets of rows."""
        return QualityProfile(
            self.rows + other.rows,
            _add(self.outside, other.outside),
            _add(self.appeared, other.appeared),
            self.compared + other.compared,
            self.alike + other.alike,
            self.identified + other.identified,
            self.repeated + other.repeated,
            self.tested + other.tested,
            self.outliers + other.outliers,
            self.delay.merge(other.delay),
            _either(max, self.newest, other.newest),
        )

    def delay_seconds(self, q: float) -> float:
        """The q-quantile of received_time - event_time in seconds, within 1 %; nan when there is no row."""
        return self.delay.quantile(q) / _MS


def _add(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {key: a.get(key, 0) + b.get(key, 0) for key in {**a, **b}}


def _either(pick: Callable[[float, float], float], a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return b if a is None else a
    return pick(a, b)
