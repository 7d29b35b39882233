"""The last answers to what is asked again and again, each worked out once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Made = TypeVar("Made")


class RecentCache(Generic[Made]):
    """The answers that were asked for last, by whatever they depend on; safe to use from many threads."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, Made] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """The answer for this key, made unless it is known. Threads that ask at once may each make it."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            self._held[key] = made
            while len(self._held) > self._most:
                self._held.popitem(last=False)
        return made
