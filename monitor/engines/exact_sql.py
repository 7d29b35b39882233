"""Sums of floating-point values that don't depend on the order of the rows.

Each value is scaled by a power of two, rounded to an integer of 127 bits and added exactly. The scale leaves as many
bits as the largest value and the number of rows allow: a rounding is far below the last bit of the sum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from monitor.engines.sql import Connection, one_row


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of an SQL expression whose values are at most `largest` in size; null adds nothing."""

    expression: str
    largest: float = 1.0

    def power(self, rows: int) -> int:
        magnitude = math.frexp(self.largest)[1] if self.largest > 0 else 0
        return max(-1000, min(1000, 124 - magnitude - max(rows, 1).bit_length()))


def exact_sums(connection: Connection, source: str, sums: Sequence[Sum], rows: int) -> list[float]:
    """The sums over `source`, which has at most so many rows; 0 where there are none."""
    powers = [found.power(rows) for found in sums]
    columns = [
        f"coalesce(sum((({found.expression}) * {2.0**power:.17e})::HUGEINT), 0)"
        for found, power in zip(sums, powers, strict=True)
    ]
    row = one_row(connection.execute(f"SELECT {', '.join(columns)} FROM {source}"))
    return [scaled_back(total, power) for total, power in zip(row, powers, strict=True)]


def scaled_back(total: int, power: int) -> float:
    """total / 2^power as the nearest float."""
    return float(Fraction(int(total)) / Fraction(2) ** power)
