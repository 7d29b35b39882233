"""Rows of inputs, however they are laid out, as flat dicts of features.

Names: those the row has itself; for nameless rows `mapping.columns`, else x0, x1, … What is no scalar is laid flat
where that is plain: an object `user` with `age` becomes `user.age`, a list of numbers `embedding` becomes embedding_0,
embedding_1, …, and a list of one value is that value. Anything else (lists of texts or of objects, depths beyond four,
rows wider than 10,000 values) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from collectors.calls.paths import look_up
from collectors.calls.sides import BodyUnreadable, check_rows
from collectors.calls.tensors import WIDEST
from collectors.formats.reading import shown
from monitor.config import MappingSettings
from monitor.records import Scalar

_SCALARS = frozenset((type(None), bool, int, float, str))
_DEEPEST = 4


def table_rows(sent: Any, mapping: MappingSettings) -> list[dict[str, Scalar]]:
    """Rows of a table: a list with one entry per row, or an object of columns of one length.

    >>> from monitor.config import NO_MAPPING
    >>> table_rows([[1, 2], [3, 4]], NO_MAPPING), table_rows({"a": [1, 3]}, NO_MAPPING)
    ([{'x0': 1, 'x1': 2}, {'x0': 3, 'x1': 4}], [{'a': 1}, {'a': 3}])
    """
    if isinstance(sent, dict):
        sent = list(rows_of_columns(sent)) if are_columns(sent) else [sent]
    return _feature_rows(sent, mapping)


def plain_rows(sent: Any, mapping: MappingSettings) -> list[dict[str, Scalar]]:
    """Rows of a body that follows no protocol; a list of scalars is one row, and an object around it is taken off.

    >>> from monitor.config import NO_MAPPING
    >>> plain_rows({"input": {"age": 39}}, NO_MAPPING), plain_rows([5.1, 3.5], NO_MAPPING)
    ([{'age': 39}], [{'x0': 5.1, 'x1': 3.5}])
    """
    if isinstance(sent, dict) and len(sent) == 1 and isinstance(inner := next(iter(sent.values())), dict | list):
        return plain_rows(inner, mapping)
    if isinstance(sent, list) and sent and not any(isinstance(value, dict | list) for value in sent):
        return [feature_row(sent, mapping)]
    if isinstance(sent, dict) and len(sent) > 1 and are_columns(sent):
        return table_rows(sent, mapping)
    return _feature_rows(sent, mapping)


def _feature_rows(sent: Any, mapping: MappingSettings) -> list[dict[str, Scalar]]:
    rows = sent if isinstance(sent, list) else [sent]
    check_rows(len(rows))
    return [feature_row(row, mapping) for row in rows]


def are_columns(sent: dict[str, Any]) -> bool:
    """Whether every value is a list, and all are of one length."""
    return bool(sent) and all(isinstance(v, list) for v in sent.values()) and len({len(v) for v in sent.values()}) == 1


def rows_of_columns(columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    check_rows(len(next(iter(columns.values()), ())))
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def feature_row(row: Any, mapping: MappingSettings) -> dict[str, Scalar]:
    """The features of one row as it was sent. Raises BodyUnreadable."""
    if mapping.features:
        return {name: _scalar(name, look_up(row, path)) for name, path in mapping.features.items()}
    if isinstance(row, dict):
        return named(row)
    return nameless(row if isinstance(row, list) else [row], mapping.columns)


def named(row: dict[str, Any]) -> dict[str, Scalar]:
    """The features of an object, laid flat."""
    if all(type(value) in _SCALARS for value in row.values()):
        return row
    return dict(_flat_items(row))


def nameless(row: Sequence[Any], columns: tuple[str, ...]) -> dict[str, Scalar]:
    """The features of a row without names. Raises BodyUnreadable where the columns are others in number."""
    values = list(_flat_values(row)) if any(isinstance(value, list | dict) for value in row) else row
    if len(values) > WIDEST:
        raise BodyUnreadable(f"a row has {len(values)} values; accepted: up to {WIDEST}")
    if columns and len(columns) != len(values):
        raise BodyUnreadable(f"a row has {len(values)} values, mapping.columns names {len(columns)}")
    return dict(zip(columns or [f"x{i}" for i in range(len(values))], values, strict=True))


def _flat_items(row: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Scalar]]:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if type(value) in _SCALARS:
            yield name, value
        elif isinstance(value, dict) and depth < _DEEPEST:
            yield from _flat_items(value, f"{name}.", depth + 1)
        elif isinstance(value, list) and len(value) == 1 and type(value[0]) in _SCALARS:
            yield name, value[0]
        elif isinstance(value, list) and len(value) <= WIDEST and all(_is_number(each) for each in value):
            yield from ((f"{name}_{i}", each) for i, each in enumerate(value))
        else:
            raise _not_flat(name, value)


def _flat_values(row: Sequence[Any], depth: int = 0) -> Iterator[Scalar]:
    for value in row:
        if type(value) in _SCALARS:
            yield value
        elif isinstance(value, list) and depth < _DEEPEST:
            yield from _flat_values(value, depth + 1)
        else:
            raise _not_flat("of a nameless row", value)


def _scalar(name: str, value: Any) -> Scalar:
    if type(value) not in _SCALARS:
        raise _not_flat(name, value)
    found: Scalar = value
    return found


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _not_flat(name: str, value: Any) -> BodyUnreadable:
    accepted = "accepted: a number, a text, true, false, null, a list of numbers, or an object of these"
    return BodyUnreadable(f"feature {shown(name)} is {shown(value)}; {accepted}")
