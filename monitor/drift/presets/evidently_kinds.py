"""What Evidently takes a column for: a number, a category, a text, or nothing it judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

NUM, CAT, TEXT = "num", "cat", "text"
_FEW_WHOLE_NUMBERS = 10


def recognise(column: pd.Series[Any]) -> str:
    """The kind Evidently takes a column for: `num`, `cat`, `text`, or in words what it is instead."""
    kind = column.dtype.name
    if kind.startswith("float"):
        return NUM
    if kind.startswith("int"):
        return CAT if column.nunique() <= _FEW_WHOLE_NUMBERS else NUM
    if kind in ("bool", "category"):
        return CAT
    if kind in ("string", "str"):
        return _text_or_category(column)
    if kind != "object":
        return f"columns of type {kind}"
    present = column.dropna()
    if present.empty:
        return "columns without a value"
    texts = isinstance(present.iloc[0], str) and isinstance(present.iloc[-1], str)
    return _text_or_category(column) if texts else f"columns of {type(present.iloc[0]).__name__} objects"


def _text_or_category(column: pd.Series[Any]) -> str:
    return TEXT if column.nunique() > column.count() * 0.5 else CAT
