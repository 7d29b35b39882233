"""A model's schema: which features it has and what kind each is.

The schema is a contract. It is learnt once, from the first value seen of each feature, and never guessed again per
batch: a value that does not fit its feature's kind is kept beside the column and counted as a type error.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.records import Scalar

_PLAIN = re.compile(r"[a-z0-9_]{1,100}")


class FeatureKind(StrEnum):
    """How a feature is stored and compared."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"


class Task(StrEnum):
    """What the model predicts; it selects the performance metrics. The last two are declared, never guessed.

    Multilabel: predictions and labels name a set of classes each. Ranking: the rows of one request are items of a list,
    their score or predicted number orders it, and labels give their relevance (0 for none).
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    MULTILABEL = "multilabel"
    RANKING = "ranking"


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: its name on the wire, its kind, and its column in the lake."""

    name: str
    kind: FeatureKind
    column: str


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """The features of one model, in the order they were first seen."""

    features: tuple[Feature, ...] = ()

    def by_name(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.features}


def kind_of(value: Scalar) -> FeatureKind | None:
    """The kind a value speaks for; None says nothing (missing values have no kind)."""
    match value:
        case None:
            return None
        case bool():
            return FeatureKind.BOOLEAN
        case int():
            return FeatureKind.NUMERIC
        case float():
            return None if math.isnan(value) else FeatureKind.NUMERIC
        case _:
            return FeatureKind.CATEGORICAL


def column_name(feature: str) -> str:
    """The lake column of a feature: readable, legal in every Delta reader, unique regardless of case.

    >>> column_name("age"), column_name("Hours per week")
    ('feature_age', 'feature_hours_per_week_6321dbb4856c')
    """
    if _PLAIN.fullmatch(feature):
        return f"feature_{feature}"
    slug = re.sub(r"[^a-z0-9]+", "_", feature.lower()).strip("_")[:80]
    return f"feature_{slug}_{_digest(feature)}"


def _digest(feature: str) -> str:
    return hashlib.sha256(feature.encode()).hexdigest()[:12]


def learn(known: Mapping[str, Feature], rows: Sequence[Mapping[str, Scalar]]) -> list[Feature]:
    """The features that occur in `rows` and are not in `known` yet, each of its first value's kind."""
    found: dict[str, Feature] = {}
    if known.keys() >= set[str]().union(*rows):
        return []
    taken = {feature.column for feature in known.values()}
    for row in rows:
        for name, value in row.items():
            if name in known or name in found:
                continue
            kind = kind_of(value)
            if kind is not None:
                column = column_name(name)
                if column in taken:  # a plain name that is spelt like another one's column
                    column = f"feature__{_digest(name)}"
                taken.add(column)
                found[name] = Feature(name, kind, column)
    return list(found.values())
