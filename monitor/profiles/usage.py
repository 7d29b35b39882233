"""What calls took of the machine they were served on: mean and maximum of each resource."""

from __future__ import annotations

import math

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """One resource over `n` calls. `total` is the sum of its values, `high` the largest."""

    n: int = 0
    total: float = 0.0
    high: float = -math.inf

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else math.nan

    def merge(self, other: Usage) -> Usage:
        return Usage(self.n + other.n, self.total + other.total, max(self.high, other.high))


def merge_usage(a: dict[str, Usage], b: dict[str, Usage]) -> dict[str, Usage]:
    """The usage of both, by resource."""
    return {name: a.get(name, Usage()).merge(b.get(name, Usage())) for name in {**a, **b}}
