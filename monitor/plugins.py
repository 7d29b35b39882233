"""Plug-in families: our own members and other packages' enter through the same entry-point group, loaded on first use.

Our own names can't be taken: a package that is installed must not replace where messages go or how logs are read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from monitor.errors import ConfigError

DISTRIBUTION = "kedge"


@dataclass(frozen=True, slots=True)
class Family:
    """The plug-ins of one kind: `noun` is what messages call a member, `group` the entry-point group they enter by."""

    noun: str
    group: str

    def names(self) -> list[str]:
        return sorted(self._members())

    def load(self, name: str) -> Any:
        """What the entry point of this name refers to. Raises ConfigError naming the members there are."""
        members = self._members()
        if name not in members:
            raise ConfigError(f"{self.noun} {name!r} is not known; accepted: {', '.join(sorted(members))}")
        try:
            return members[name].load()
        except Exception as error:
            raise ConfigError(f"{self.noun} {name!r} ({members[name].value}) can't be loaded: {error}") from error

    def _members(self) -> dict[str, EntryPoint]:
        return _installed(self.group, tuple(sys.path))


@lru_cache(maxsize=64)
def _installed(group: str, _path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Looked up once per search path: each look reads what every package says of itself, which takes 40 ms."""
    points = sorted(entry_points(group=group), key=_is_ours)
    return {point.name: point for point in points}


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == DISTRIBUTION


FAMILIES: Sequence[Family] = (
    LOG_FORMATS := Family("log format", "kedge.formats"),
    SOURCES := Family("source kind", "kedge.sources"),
    DRIFT_METHODS := Family("drift method", "kedge.drift_methods"),
    MANY_COLUMN_METHODS := Family("many-column method", "kedge.many_column_methods"),
    SEQUENCE_METHODS := Family("sequence method", "kedge.sequence_methods"),
    METRICS := Family("custom metric", "kedge.metrics"),
    ENGINES := Family("engine", "kedge.engines"),
    CHANNELS := Family("channel kind", "kedge.channels"),
    RESPONSE_TARGETS := Family("response target", "kedge.response_targets"),
)
