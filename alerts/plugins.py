"""Plug-in families: built-ins and what other packages install, loaded when first used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from monitor.errors import ConfigError

_LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class Family:
    """The plug-ins of one kind. `built_in` maps a name to `module:Class`; `group` is the entry-point group of others.

    A built-in can't be replaced: a package that is installed must not take over where messages go.
    """

    noun: str
    group: str
    built_in: Mapping[str, str]

    def names(self) -> list[str]:
        return sorted({*self.built_in, *self._installed()})

    def load(self, name: str) -> Any:
        """The plug-in class of this name. Raises ConfigError naming those there are."""
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return getattr(import_module(module), attribute)
        installed = self._installed().get(name)
        if installed is None:
            raise ConfigError(f"{self.noun} {name!r} is not known; accepted: {', '.join(self.names())}")
        try:
            return installed.load()
        except Exception as error:
            raise ConfigError(f"{self.noun} {name!r} ({installed.value}) can't be loaded: {error}") from error

    def _installed(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}


def check_name(noun: str, name: str) -> str:
    """How messages call a configured plug-in, as in `channel 'oncall'`. Raises ConfigError for an unusable name."""
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise ConfigError(f"{noun} name {name[:50]!r}… has {len(name)} characters; accepted: 1 to {_LONGEST_NAME}")
    return f"{noun} {name!r}"
