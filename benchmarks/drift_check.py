"""One side of the drift benchmark, in a process of its own that does nothing else; prints its seconds as JSON.

    python -m benchmarks.drift_check kedge|quality|floor BASELINE CURRENT.parquet ROUNDS

`kedge` goes from the Parquet file to a verdict per column, `quality` to those and to what is wrong with the data, which
every window is watched for as well. `floor` is what DuckDB takes for the bare histograms of the
same columns on the same bins, with as many threads.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from benchmarks.drift_shape import END, START, Shape
from monitor.baselines import BaselineProfile, CategoryBins, decode_baseline
from monitor.engines import ProfileRequest, RowSource, get_engine


def kedge(baseline: BaselineProfile, current: Path) -> Callable[[], int]:
    """How many columns have drifted, by Kedge."""
    from monitor.drift import DriftRule, judge_columns

    engine, request = get_engine(), _request(baseline, current)
    return lambda: sum(v.breach for v in judge_columns(baseline, engine.profile(request), DriftRule()))


def quality(baseline: BaselineProfile, current: Path) -> Callable[[], int]:
    """How many columns have drifted and how many things are wrong with the data, by Kedge."""
    from monitor.drift import DriftRule, judge_columns
    from monitor.quality import QualityRule, judge_quality

    engine, request = get_engine(), replace(_request(baseline, current), limits=baseline.limits)

    def found() -> int:
        profile = engine.profile(request)
        drifted = sum(v.breach for v in judge_columns(baseline, profile, DriftRule()))
        return drifted + len(judge_quality(baseline, profile, QualityRule()))

    return found


def _request(baseline: BaselineProfile, current: Path) -> ProfileRequest:
    features = Shape(0, len(baseline.columns)).features
    return ProfileRequest(
        RowSource(files=[str(current)]), RowSource(), START, END, features, baseline.columns, baseline.prediction
    )


def floor(baseline: BaselineProfile, current: Path) -> Callable[[], int]:
    """How many histograms DuckDB has made."""
    histograms = []
    for name, bins in baseline.columns.items():
        if isinstance(bins, CategoryBins):
            histograms.append(f"histogram_exact(feature_{name}, {list(bins.categories)!r}::VARCHAR[])")
        else:
            histograms.append(f"histogram(feature_{name}, {list(bins.edges)!r}::DOUBLE[])")
    query = f"SELECT {', '.join(histograms)} FROM read_parquet('{current}')"
    connection = duckdb.connect()
    return lambda: len(connection.execute(query).fetchall()[0])


def peak_mb() -> float:
    """The process's own peak memory; the kernel's ru_maxrss would be its parent's where that had more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    side, baseline, current, rounds = sys.argv[1:]
    work = {"kedge": kedge, "quality": quality, "floor": floor}[side](
        decode_baseline(Path(baseline).read_bytes()), Path(current)
    )
    seconds = []
    for _ in range(int(rounds)):
        started = time.perf_counter()
        answer = work()
        seconds.append(time.perf_counter() - started)
    peak = peak_mb()
    print(json.dumps({"seconds": seconds, "rss_mb": peak, "answer": answer}))


if __name__ == "__main__":
    main()
