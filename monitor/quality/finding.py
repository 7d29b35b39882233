"""What is wrong with a window's data, and from when on it is worth saying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from monitor.windows import format_duration

SMALLEST: Mapping[str, float] = {
    "missing": 0.02,
    "out_of_range": 0.005,
    "unseen_category": 0.005,
    "type_errors": 0.005,
    "schema": 0.01,
    "constant": 0.005,
    "duplicates": 0.05,
    "repeated_ids": 0.01,
    "outliers": 0.01,
    "freshness": 300.0,
    "volume": 0.5,
}
"""The least change of each kind that counts: of the share of rows (0.02 is two rows in a hundred), of the seconds of
delay for `freshness`; for `volume` the share of the usual rows that is too few, and its inverse too many."""


OF_ROWS = frozenset({"duplicates", "repeated_ids", "outliers", "freshness", "volume"})
"""The kinds that are about the rows as a whole; all others are about one column."""


class QualityFinding(msgspec.Struct, frozen=True):
    """One thing that is wrong: with one column, or with the rows as a whole where `column` is empty.

    `value` is what was seen and `limit` what would have been fine, in the kind's unit. `p_value` is corrected for all
    the looks at the window; None where it is certain (a column that is not there) or chance plays no part.
    """

    column: str
    kind: str
    value: float
    limit: float
    p_value: float | None
    n: int
    why: str


def finding_text(kind: str, value: float | None) -> str:
    """A finding's value or limit, in its kind's unit.

    >>> [finding_text(*pair) for pair in [("missing", 0.204), ("freshness", 7200), ("volume", 0.31), ("missing", None)]]
    ['20.4 %', '2 h', '0.31 x the usual', '–']
    """
    if value is None:
        return "–"
    match kind:
        case "freshness":
            return format_duration(timedelta(seconds=round(value)))
        case "volume":
            return f"{value:.2g} x the usual"
        case _:
            return f"{value * 100:.1f} %"


@dataclass(frozen=True, slots=True)
class QualityRule:
    """The rows below which nothing is said, the false discovery rate, and what differs from the smallest effects."""

    min_rows: int = 50
    rate: float = 0.01
    smallest: Mapping[str, float] = field(default_factory=dict)

    def least(self, kind: str) -> float:
        return float(self.smallest.get(kind, SMALLEST[kind]))
