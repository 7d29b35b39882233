"""Tensors of the Open Inference Protocol (V2), as JSON has them: rows of features, rows of predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from collectors.client.unreadable import Unreadable

_PROBABILITIES = ("proba", "score", "softmax")
WIDEST = 10_000
"""Most values of one row. Wider ones are images or embeddings, which are no features to watch one by one."""


def are_tensors(found: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    """Whether this is the list of tensors of a V2 body."""
    return isinstance(found, list) and bool(found) and all(isinstance(t, Mapping) and "shape" in t for t in found)


def feature_rows(tensors: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of features: a tensor of one value per row is named as itself, a wider one `{name}_{i}`.

    >>> feature_rows([{"name": "x", "shape": [1, 2], "data": [3, 4]}, {"name": "city", "shape": [1], "data": ["Bern"]}])
    [{'x_0': 3, 'x_1': 4, 'city': 'Bern'}]
    """
    columns: dict[str, list[Any]] = {}
    for tensor in tensors:
        rows = tensor_rows(tensor)
        name = str(tensor.get("name", "x"))
        wide = bool(rows) and len(rows[0]) > 1
        for i, values in enumerate(zip(*rows, strict=True)):
            columns[f"{name}_{i}" if wide else name] = list(values)
    if len(counts := {len(values) for values in columns.values()}) > 1:
        raise Unreadable(f"tensors disagree about the number of rows: {sorted(counts)}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def outcome_rows(tensors: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of predictions as an object each: the first tensor of one value per row is the prediction; one that is named
    for probabilities, or is wider, has the scores."""
    found: dict[str, list[Any]] = {}
    for tensor in tensors:
        rows = tensor_rows(tensor)
        wide = bool(rows) and len(rows[0]) > 1
        named = any(each in str(tensor.get("name", "")).lower() for each in _PROBABILITIES)
        if wide or named:
            found.setdefault("scores" if wide else "score", [row if wide else row[0] for row in rows])
        else:
            found.setdefault("prediction", [row[0] for row in rows])
    if len(counts := {len(values) for values in found.values()}) > 1:
        raise Unreadable(f"output tensors disagree about the number of rows: {sorted(counts)}")
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def tensor_rows(tensor: Mapping[str, Any]) -> list[list[Any]]:
    """The values row by row: the first dimension is the batch, the others are laid side by side (row-major)."""
    data, shape = tensor.get("data"), tensor.get("shape")
    name = tensor.get("name", "")
    if not isinstance(data, list) or not isinstance(shape, list):
        raise Unreadable(f"tensor {name!r} has no data or no shape; binary tensors are not read here")
    flat = list(_flat(data))
    if not all(isinstance(size, int) and size >= 0 for size in shape) or math.prod(shape) != len(flat):
        raise Unreadable(f"tensor {name!r} of shape {shape} has {len(flat)} values")
    if not flat:
        return []
    width = len(flat) // shape[0] if shape else 1
    if width > WIDEST:
        raise Unreadable(f"tensor {name!r} has {width} values per row; up to {WIDEST} are read")
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value
