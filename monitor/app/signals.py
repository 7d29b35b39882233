"""Ending on a signal."""

from __future__ import annotations

import _thread
import signal
import threading


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set. For the main thread, which may wait for it.

    A handler runs in the main thread between two of its instructions. Were it to set the event itself while that
    thread is inside the event's `wait`, holding its lock, both would wait for ever; so another thread does.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))
    return stop
