"""Looking into decoded JSON at a path that is known to be readable."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from monitor.log_paths import Step, parse_path

_NOTHING = object()


def look_up(value: Any, path: str, absent: Any = None) -> Any:
    """What is at `path`, or `absent` where there is nothing. A key that is spelled like the whole path wins.

    >>> look_up({"out": {"proba": [0.1, 0.9]}}, "out.proba[1]"), look_up({"a.b": 1}, "a.b"), look_up([], "a")
    (0.9, 1, None)
    """
    if isinstance(value, dict) and path in value:
        return value[path]
    found: Any = value
    for step in _steps(path):
        if isinstance(step, str):
            found = found.get(step, _NOTHING) if isinstance(found, dict) else _NOTHING
        else:
            found = found[step] if isinstance(found, list) and -len(found) <= step < len(found) else _NOTHING
    return absent if found is _NOTHING else found


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[Step, ...]:
    return parse_path(path)
