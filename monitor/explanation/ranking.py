"""Which columns matter: those that moved, weighted by what they are worth to the model."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from monitor.explanation.moved import MovedBin
from monitor.explanation.spelling import SpellingChange
from monitor.explanation.units import UnitChange


class RankedColumn(msgspec.Struct, frozen=True):
    """One column that moved. `drift` is its distance, `importance` its share of what moves the model's score (None:
    not known), `weight` its share of the sum of drift × importance over the columns that moved.

    `why` is the change in words, `figures` the same without the name of any category; `fault` is the kind of what is
    wrong with its data, if anything is.
    """

    name: str
    drift: float
    importance: float | None
    weight: float
    why: str
    fault: str = ""
    moved: tuple[MovedBin, ...] = ()
    unit: UnitChange | None = None
    spelling: SpellingChange | None = None
    figures: str = ""


def weights(drift: Mapping[str, float], importance: Mapping[str, float]) -> dict[str, float]:
    """Each column's share of the sum of drift × importance, the largest first.

    Without importances (or where the model uses none of the columns that moved) drift alone decides.

    >>> weights({"a": 0.2, "b": 0.4}, {"a": 0.8, "b": 0.1})
    {'a': 0.8, 'b': 0.2}
    """
    products = {name: distance * importance.get(name, 0.0) for name, distance in drift.items()}
    if not sum(products.values()) > 0:
        products = dict(drift)
    total = sum(products.values()) or 1.0
    ranked = sorted(products, key=lambda name: (-products[name], -drift[name], name))
    return {name: products[name] / total for name in ranked}
