"""What every peer's script shares; it runs in the peer's environment and imports nothing of Kedge's."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

import pandas as pd


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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"version": version, "seconds": seconds, "prepare_seconds": prepared, "rss_mb": peak}))
