"""Dimensions: what windows are sliced by, as the settings name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.errors import InvalidValue

_ACCEPTED = "accepted: version, tag:NAME, feature:NAME"


@dataclass(frozen=True, order=True, slots=True)
class Dimension:
    """What windows are sliced by: `kind` is version, tag or feature, `name` is what segments are called after."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.kind if self.kind == "version" else f"{self.kind}:{self.name}"


VERSION = Dimension("version", "version")


def parse_dimension(text: str) -> Dimension:
    """Read `version`, `tag:region` or `feature:age`. Raises InvalidValue naming what is accepted.

    >>> parse_dimension("tag:region")
    Dimension(kind='tag', name='region')
    """
    kind, colon, name = text.strip().partition(":")
    if kind == "version" and not colon:
        return VERSION
    if kind not in ("tag", "feature") or not name or "=" in name:
        raise InvalidValue(f"segment dimension {text!r} is not usable; {_ACCEPTED}")
    return Dimension(kind, name)


def parse_dimensions(texts: Sequence[str]) -> tuple[Dimension, ...]:
    """Several dimensions. Raises InvalidValue where two have one name, for their segments would be called the same."""
    found = tuple(dict.fromkeys(map(parse_dimension, texts)))
    names = [dimension.name for dimension in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValue(f"two segment dimensions are called {name!r}; their segments would be called the same")
    return found
