"""Every error Kedge raises on purpose.

    KedgeError
    ├── ConfigError        a setting is missing or has an unusable value
    ├── InvalidValue       a name, time or number that a caller passed is not acceptable
    ├── NotFound           the named thing does not exist
    ├── Conflict           the thing exists already, or somebody else holds it
    └── Unavailable        a store or a peer cannot be reached now; trying again may work

A message names the thing, the value it had and what is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class KedgeError(Exception):
    """Root of the tree; catching it catches everything Kedge raises on purpose."""


class ConfigError(KedgeError):
    """A setting is missing or has an unusable value."""


class InvalidValue(KedgeError, ValueError):
    """A name, time or number that a caller passed is not acceptable."""


class NotFound(KedgeError, LookupError):
    """The named thing does not exist."""


class Conflict(KedgeError):
    """The thing exists already, or somebody else holds it."""


class Unavailable(KedgeError):
    """A store or a peer cannot be reached now; trying again may work."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one; empty where none is near."""
    near = get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
