"""The price of many looks: p-values corrected for how many of them there are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

_Name = TypeVar("_Name", bound=Hashable)


def false_discovery(p_values: Mapping[_Name, float]) -> dict[_Name, float]:
    """Adjusted p-values: calling all that are at most q findings, a share of at most q of them is false, on average.

    Benjamini, Hochberg 1995.

    >>> false_discovery({"a": 0.01, "b": 0.04, "c": 0.5})
    {'a': 0.03, 'b': 0.06, 'c': 0.5}
    """
    ranked = sorted(p_values, key=lambda name: p_values[name], reverse=True)
    adjusted: dict[_Name, float] = {}
    smallest = 1.0
    for index, name in enumerate(ranked):
        smallest = min(smallest, p_values[name] * len(ranked) / (len(ranked) - index))
        adjusted[name] = smallest
    return {name: adjusted[name] for name in p_values}
