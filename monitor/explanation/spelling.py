"""Whether categories changed only in what they are called: spelt otherwise (another case, spaces, underscores, accents,
1.0 for 1), or renamed."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

import msgspec

from monitor.profiles import CategoricalProfile

LEAST_SHARE = 0.5
_LEAST_EXPECTED, _LEAST_GONE = 10, 0.01
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


def looks_renamed(before: CategoricalProfile, after: CategoricalProfile) -> bool:
    """Whether as many values came that the baseline does not know as known categories went, give or take chance.

    A category went if it has no row where at least ten are expected.
    """
    if not before.n or not after.n:
        return False
    pairs = zip(before.counts, after.counts, strict=True) if before.categories == after.categories else ()
    shares = [count / before.n for count, now in pairs if not now and count * after.n >= _LEAST_EXPECTED * before.n]
    gone, came = sum(shares), after.unseen / after.n - before.unseen / before.n
    chance = math.sqrt(gone * max(1 - gone, 0.0) * (1 / before.n + 1 / after.n))
    return gone >= _LEAST_GONE and abs(came - gone) <= 3 * chance + 1e-9  # all of them leave nothing to chance


def core(category: str) -> str:
    """What stays of a category whoever writes it; empty where nothing does.

    >>> core("Self-Employed "), core("self_employed"), core("Café"), core("1.0")
    ('selfemployed', 'selfemployed', 'cafe', '1')
    """
    plain = _WHOLE.sub(r"\1", category.strip())
    plain = unicodedata.normalize("NFKD", plain).casefold()
    return _SIGNS.sub("", "".join(sign for sign in plain if not unicodedata.combining(sign)))
