"""What every peer's script shares; it runs in the peer's environment and imports nothing of Kedge's."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd


def peak_mb() -> float:
    """The process's own peak memory; the kernel's ru_maxrss would be its parent's where that had more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def measure(version: str, prepare: Callable[[pd.DataFrame], Callable[[pd.DataFrame], object]]) -> None:
    """Print the seconds of each round as JSON. Arguments: reference and current Parquet files, rounds.

    A round prepares the reference and checks the current rows; `prepare_seconds` is how much of it was for the
    reference, which a peer that can keep it needs only once. Reading the files is not timed.
    """
    reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
    seconds, prepared = [], []
    for _ in range(int(sys.argv[3])):
        started = time.perf_counter()
        check = prepare(reference)
        prepared.append(time.perf_counter() - started)
        check(current)
        seconds.append(time.perf_counter() - started)
    peak = peak_mb()
    print(json.dumps({"version": version, "seconds": seconds, "prepare_seconds": prepared, "rss_mb": peak}))
