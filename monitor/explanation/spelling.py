"""Whether categories changed only in how they are spelt: another case, spaces, underscores, accents, or 1.0 for 1."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

import msgspec

LEAST_SHARE = 0.5
_SIGNS = re.compile(r"[^a-z0-9]+")
_WHOLE = re.compile(r"^(-?\d+)\.0+$")


class SpellingChange(msgspec.Struct, frozen=True):
    """`share` of the values that the baseline does not know are known ones spelt otherwise, such as `old` as `new`."""

    share: float
    old: str
    new: str


def find_spelling_change(categories: Sequence[str], window: Mapping[str, int]) -> SpellingChange | None:
    """From the baseline's categories and the window's counts by category; None below half of the unknown values."""
    known = set(categories)
    by_core: dict[str, str] = {}
    for category in categories:
        if core(category):
            by_core.setdefault(core(category), category)
    unknown = {value: count for value, count in window.items() if value not in known}
    respelt = {value: count for value, count in unknown.items() if by_core.get(core(value))}
    if not respelt or sum(respelt.values()) < LEAST_SHARE * sum(unknown.values()):
        return None
    commonest = min(respelt, key=lambda value: (-respelt[value], value))
    return SpellingChange(sum(respelt.values()) / sum(unknown.values()), by_core[core(commonest)], commonest)


def core(category: str) -> str:
    """What stays of a category whoever writes it; empty where nothing does.

    >>> core("Self-Employed "), core("self_employed"), core("Café"), core("1.0")
    ('selfemployed', 'selfemployed', 'cafe', '1')
    """
    plain = _WHOLE.sub(r"\1", category.strip())
    plain = unicodedata.normalize("NFKD", plain).casefold()
    return _SIGNS.sub("", "".join(sign for sign in plain if not unicodedata.combining(sign)))
