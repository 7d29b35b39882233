"""Looking into decoded JSON at a path that is known to be readable."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from monitor.log_paths import Step, parse_path


def look_up(value: Any, path: str) -> Any:
    """What is at `path`, or None where there is nothing. A key that is spelled like the whole path wins.

    >>> look_up({"out": {"proba": [0.1, 0.9]}}, "out.proba[1]"), look_up({"a.b": 1}, "a.b"), look_up([], "a")
    (0.9, 1, None)
    """
    if isinstance(value, dict) and path in value:
        return value[path]
    found: Any = value
    for step in _steps(path):
        found = _inside(found, step)
    return found


def _inside(value: Any, step: Step) -> Any:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, dict) else None
    return value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[Step, ...]:
    return parse_path(path)
