"""Which columns matter: those that moved, weighted by what they are worth to the model; and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

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


def first_breach(looks: Sequence[tuple[datetime, bool]], patience: int = 1) -> datetime | None:
    """The first window in breach of the run that the newest look belongs to; None when it is none.

    `looks` are (start of window, in breach), decided ones only, in window order. A run goes on over up to `patience`
    windows without a breach.
    """
    if not looks or not any(broken for _, broken in looks[-1 - patience :]):
        return None
    since, calm = None, 0
    for start, broken in reversed(looks):
        calm = 0 if broken else calm + 1
        if calm > patience:
            break
        since = start if broken else since
    return since
