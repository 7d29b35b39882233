"""A process that waits for a signal ends on it, whatever instruction the signal finds it at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from random import Random

PROGRAM = """
    from monitor.app.signals import stop_on_signal
    stop = stop_on_signal()
    print("ready", flush=True)
    while not stop.wait(1e-6):  # in the event's lock nearly all of the time
        pass
    print("ended", flush=True)
"""


def test_a_signal_ends_the_wait_wherever_it_comes() -> None:
    random = Random(1)
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(random.random() * 0.01)
            os.kill(child.pid, signal.SIGTERM)
        assert [child.communicate(timeout=20)[0] for child in children] == ["ended\n"] * 8
    finally:
        for child in children:
            child.kill()
            child.wait()
