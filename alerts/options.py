"""Reading a plug-in's options: a dataclass of plain values says which there are, and which are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

from monitor.config import resolve_secret
from monitor.errors import ConfigError

_LONGEST_NAME = 100

Options = TypeVar("Options")


def read_options(kind: type[Options], given: Mapping[str, Any], where: str) -> Options:
    """Build `kind` from a table of the settings; `env:` and `file:` texts are looked up.

    Raises ConfigError naming `where`, the option and what is accepted; never the value, which may be a secret.
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(given) - set(known)):
        raise ConfigError(f"{where} has no option {unknown[0]!r}; accepted: {', '.join(known)}")
    if missing := [name for name, field in known.items() if field.default is MISSING and name not in given]:
        raise ConfigError(f"{where} needs option {missing[0]!r}")
    types = get_type_hints(kind)
    return kind(**{name: _read(value, types[name], f"{where} option {name!r}") for name, value in given.items()})


def _read(value: Any, expected: type, where: str) -> Any:
    if isinstance(value, str) and expected is str:
        try:
            text = resolve_secret(value)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        if not text:
            raise ConfigError(f"{where} is empty")
        return text
    if isinstance(value, bool) is (expected is bool) and isinstance(value, expected):
        return value
    raise ConfigError(f"{where} is a {type(value).__name__}; accepted: {expected.__name__}")


def check_name(noun: str, name: str) -> str:
    """How messages call a configured plug-in, as in `channel 'oncall'`. Raises ConfigError for an unusable name."""
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise ConfigError(f"{noun} name {name[:50]!r}… has {len(name)} characters; accepted: 1 to {_LONGEST_NAME}")
    return f"{noun} {name!r}"
