"""Answers worked out once per object: a worker judges window after window by the same few baselines."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from monitor.recent_cache import RecentCache

Made = TypeVar("Made")


class Same:
    """A key that equals itself alone. It keeps the object, so that no other one gets its place in memory."""

    __slots__ = ("about",)

    def __init__(self, about: object) -> None:
        self.about = about

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.about is other.about

    def __hash__(self) -> int:
        return id(self.about)


class IdentityCache(Generic[Made]):
    """The last answers, by the object they are about, which must never change, and whatever else they depend on."""

    def __init__(self, most: int = 256) -> None:
        self._recent: RecentCache[Made] = RecentCache(most)

    def get(self, about: object, depends_on: Hashable, make: Callable[[], Made]) -> Made:
        return self._recent.get((Same(about), depends_on), make)
