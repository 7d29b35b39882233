"""A flat row whose columns are features, predictions and labels side by side: which column is what.

The roles come from a schema where the log has one; else from the mapping's `fields`; else from the columns' names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from collectors.formats.reading import shown
from collectors.wire import WirePrediction
from monitor.config import NO_MAPPING, MappingSettings
from monitor.records import Scalar

FEATURE, PREDICTION, TARGET = "feature", "prediction", "target"

_NAMES = {
    **dict.fromkeys(("prediction", "predictions", "pred", "output", "y_pred"), PREDICTION),
    **dict.fromkeys(("target", "label", "ground_truth", "y_true"), TARGET),
}
_MAPPED = {"prediction": PREDICTION, "score": PREDICTION, "label": TARGET}
_PROBABILITY = re.compile(r"(?:probability|proba|prob|score|p)[_. ](.+)", re.IGNORECASE)


def roles_by_name(columns: list[str], mapping: MappingSettings = NO_MAPPING) -> dict[str, str]:
    """The role of each column where no schema tells it.

    >>> roles_by_name(["age", "pred", "target"])
    {'age': 'feature', 'pred': 'prediction', 'target': 'target'}
    """
    mapped = {column: _MAPPED[field] for field, column in mapping.fields.items() if field in _MAPPED}
    names = {} if mapped else _NAMES
    return {column: mapped.get(column) or names.get(column.lower(), FEATURE) for column in columns}


def read_row(row: Mapping[str, Any], roles: Mapping[str, str], mapping: MappingSettings = NO_MAPPING) -> WirePrediction:
    """The row as a prediction. Raises ValueError for a value that no column may hold.

    Of several predicted columns the mapping's `prediction` is the prediction, else the one that is a text, else the
    first that is no probability. Probabilities (named `proba_x`, `score_x`, …, or the one number beside a text) become
    `score` and `scores`; what is left over stays with the features.
    """
    features: dict[str, Scalar] = {}
    predicted: dict[str, Scalar] = {}
    record = WirePrediction(sampling_fraction=mapping.sampling_fraction)
    entity = mapping.fields.get("entity_id")
    for column, value in row.items():
        role = roles.get(column, FEATURE)
        if column == entity:
            record.entity_id = None if value is None else str(value)
        elif role == TARGET:
            record.label = value
        elif role == PREDICTION:
            predicted |= _laid_flat(column, value, mapping.classes)
        else:
            features |= _laid_flat(column, value)
    record.features = features
    _read_predicted(record, predicted, mapping)
    return record


def _laid_flat(column: str, value: Any, names: tuple[str, ...] = ()) -> dict[str, Scalar]:
    """A list of numbers (BentoML's numerical_sequence) as one column for each of them."""
    if isinstance(value, dict):
        raise ValueError(f"column {shown(column)} is {shown(value)}; accepted: a number, a text or a list of numbers")
    if not isinstance(value, list):
        return {column: value}
    if any(not isinstance(each, int | float | None) for each in value):
        raise ValueError(f"column {shown(column)} is {shown(value)}; accepted: a list of numbers")
    if names and len(names) == len(value):
        return {f"proba_{name}": each for name, each in zip(names, value, strict=True)}
    return {f"{column}_{i}": each for i, each in enumerate(value)}


def _read_predicted(record: WirePrediction, predicted: dict[str, Scalar], mapping: MappingSettings) -> None:
    chosen = _chosen(predicted, mapping)
    record.prediction = predicted.pop(chosen, None) if chosen else None
    scores = {name: share for name, value in predicted.items() if (share := _probability(value)) is not None}
    scored = mapping.fields.get("score")
    if scored in scores:
        record.score = scores[scored]
    elif len(scores) == 1 and isinstance(record.prediction, str):
        record.score = next(iter(scores.values()))
    classes = {found[1]: share for name, share in scores.items() if (found := _PROBABILITY.fullmatch(name))}
    if len(classes) > 1 and len(classes) == len(scores):
        record.scores = classes
        record.score = classes.get(mapping.positive, record.score)
        if chosen is None:
            record.prediction = max(classes, key=classes.__getitem__)
    taken = set(scores) if record.score is not None or record.scores else set()
    record.features |= {name: value for name, value in predicted.items() if name not in taken}


def _chosen(predicted: dict[str, Scalar], mapping: MappingSettings) -> str | None:
    """The column that is the prediction; None where there are only probabilities of several classes."""
    if (named := mapping.fields.get("prediction")) in predicted:
        return named
    others = [name for name in predicted if name != mapping.fields.get("score")]
    texts = [name for name in others if isinstance(predicted[name], str)]
    plain = [
        name for name in others if not (_PROBABILITY.fullmatch(name) and _probability(predicted[name]) is not None)
    ]
    if len(others) == 1:
        plain = others
    return next(iter([*texts, *plain]), None)


def _probability(value: Scalar) -> float | None:
    is_share = isinstance(value, float | int) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if is_share and value is not None else None
