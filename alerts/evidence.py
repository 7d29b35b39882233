"""What of an incident's evidence leaves the house: figures and names, never the values of features.

Evidence is JSON that evaluations wrote; a part that is absent or of another shape than expected is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

_PARTS: Final = ("summary", "value", "low", "high", "n", "unit", "baseline", "windows_in_breach")
_WINDOW: Final = ("start", "seconds")
# A column's `why` is left out: it may quote a category or a number that is in a record.
_COLUMN: Final = ("name", "kind", "value", "limit", "p_value")
_VERSION: Final = ("name", "share")


def shareable(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence that messages and responses may carry, columns with the largest value first."""
    shared = _pick(evidence, _PARTS)
    if isinstance(evidence.get("window"), Mapping):
        shared["window"] = _pick(evidence["window"], _WINDOW)
    explanation = evidence.get("explanation")
    if isinstance(explanation, Mapping) and isinstance(explanation.get("message"), str):
        shared["explanation"] = explanation["message"]  # its `sentence` may quote a category
    shared["columns"] = sorted(_rows(evidence, "columns", _COLUMN), key=_size, reverse=True)
    shared["versions"] = _rows(evidence, "versions", _VERSION)
    return shared


def number(value: Any) -> float | None:
    """The value if it is a finite number, else None."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _rows(evidence: Mapping[str, Any], part: str, keys: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = evidence.get(part)
    if not isinstance(rows, list):
        return []
    return [_pick(row, keys) for row in rows if isinstance(row, Mapping) and isinstance(row.get("name"), str)]


def _pick(source: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: source[key] for key in keys if key in source and _is_plain(source[key])}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | bool) or number(value) is not None


def _size(column: Mapping[str, Any]) -> float:
    return number(column.get("value")) or 0.0
