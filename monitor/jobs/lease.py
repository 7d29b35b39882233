"""Holding on to a window for as long as it is being computed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from monitor.db import window_store
from monitor.jobs.stores import Stores

log = logging.getLogger(__name__)


@contextmanager
def held(stores: Stores, window_id: int, owner: str, now: datetime, lease: timedelta) -> Iterator[None]:
    """Renew the lease of a claimed window, three times in its span, until the block ends.

    A lease that was lost stays lost: whoever has it now computes the window, and writing this one's results fails.
    """
    done, began = threading.Event(), time.monotonic()

    def renew() -> None:
        while not done.wait(lease.total_seconds() / 3):
            until = now + timedelta(seconds=time.monotonic() - began) + lease
            try:
                with stores.db.session() as session:
                    if not window_store.renew_lease(session, window_id, owner, until):
                        return
            except Exception:
                log.warning("the lease of window %s could not be renewed; it is tried again", window_id, exc_info=True)

    renewing = threading.Thread(target=renew, name=f"lease of window {window_id}", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
