"""Answers worked out once per object: a worker judges window after window by the same few baselines."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class IdentityCache(Generic[Made]):
    """The last answers, by the object they are about and whatever else they depend on; safe to use from many threads.

    The object must never change. It is kept beside the answer, so that its id stays its own.
    """

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._held: OrderedDict[tuple[int, Hashable], tuple[object, Made]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, about: object, depends_on: Hashable, make: Callable[[], Made]) -> Made:
        key = (id(about), depends_on)
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][1]
        made = make()
        with self._lock:
            self._held[key] = (about, made)
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return made
