"""Where a value is inside a record: `out.proba[1]`, with quotes around a key that has dots or brackets in it."""

from __future__ import annotations

import re

from monitor.errors import InvalidValue

Step = str | int
_QUOTED = r"""(?:"([^"]*)"|'([^']*)')"""
_STEP = re.compile(rf"""\[(-?\d+)\]|\[{_QUOTED}\]|\.(?:{_QUOTED}|([^.\[\]"']+))""")


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path: a key of an object, or the place in an array. `$` is the record itself.

    Raises InvalidValue naming the path and the place that is not readable.

    >>> parse_path("out.proba[1]"), parse_path('"http.status".x'), parse_path("$.a['b.c'][-1]"), parse_path("$")
    (('out', 'proba', 1), ('http.status', 'x'), ('a', 'b.c', -1), ())
    """
    rest = text.strip()
    rest = rest[1:] if rest[:2] in ("$", "$.", "$[") else f".{rest}" if rest[:1] not in ("[", ".", "") else rest
    steps: list[Step] = []
    place = 0
    while place < len(rest) and (found := _STEP.match(rest, place)):
        steps.append(int(found[1]) if found[1] else next(group for group in found.groups() if group is not None))
        place = found.end()
    if place < len(rest) or not text.strip() or text.strip().startswith("."):
        raise InvalidValue(
            f"path {text!r} is not readable at {rest[place : place + 20]!r}; accepted: keys with dots between them, "
            "[0] for an item of an array, quotes around a key that has a dot, as in out.proba[1]"
        )
    return tuple(steps)
