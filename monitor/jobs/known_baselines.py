"""Baselines as a worker keeps them: each is decoded once, not once per window."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from monitor.baselines import BaselineProfile, decode_baseline

MOST = 256


class KnownBaselines:
    """The last baselines that were asked for, decoded; safe to use from many threads.

    They are known by their content, so one whose labels were refreshed is decoded anew.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[bytes, BaselineProfile] = OrderedDict()
        self._lock = threading.Lock()

    def decode(self, payload: bytes) -> BaselineProfile:
        key = hashlib.blake2b(payload, digest_size=16).digest()
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        decoded = decode_baseline(payload)
        with self._lock:
            self._known[key] = decoded
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return decoded
