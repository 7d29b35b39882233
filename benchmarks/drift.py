"""Drift of many columns: how fast, and how often it cries wolf, against Evidently's DataDriftPreset in the same run.

    python -m benchmarks.drift [--rows 200000]

Speed: a Parquet file of rows x 20 columns (15 numbers, 5 categories) to a verdict per column, the baseline prepared
once.
False alarms: windows of 100 rows without any drift; a window counts when any of its 20 columns is flagged.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.baselines import BaselineProfile
from monitor.drift import DriftRule, judge_columns
from monitor.engines import Engine, ProfileRequest, RowSource, get_engine
from monitor.profiles import WindowProfile
from monitor.schemas import Feature, FeatureKind

NUMBERS, CATEGORIES = 15, 5
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=1)
BASELINE_ROWS, SMALL_ROWS, ROUNDS = 5000, 100, 3
# Evidently takes a second per window, and needs few to show its rate.
OUR_WINDOWS, THEIR_WINDOWS = 300, 20


def frame(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Rows without drift: always from the same distributions."""
    numbers = {f"n{i}": random.normal(size=rows) for i in range(NUMBERS)}
    letters = np.array(list("abcdef"))
    categories = {f"c{i}": letters[random.integers(0, 6, rows)] for i in range(CATEGORIES)}
    return pd.DataFrame({**numbers, **categories})


def features() -> dict[str, Feature]:
    numbers = [Feature(f"n{i}", FeatureKind.NUMERIC, f"feature_n{i}") for i in range(NUMBERS)]
    categories = [Feature(f"c{i}", FeatureKind.CATEGORICAL, f"feature_c{i}") for i in range(CATEGORIES)]
    return {feature.name: feature for feature in (*numbers, *categories)}


def lake_table(rows: pd.DataFrame) -> pa.Table:
    """The rows in the lake's columns."""
    n = len(rows)
    fixed = {
        "prediction_id": [str(i) for i in range(n)],
        "event_time": pa.array([START] * n, pa.timestamp("us", "UTC")),
        "version": ["1"] * n,
        "prediction": ["1"] * n,
        "prediction_value": [1.0] * n,
        "score": pa.array([None] * n, pa.float64()),
        "scores": pa.array([None] * n, pa.map_(pa.string(), pa.float64())),
        "latency_ms": pa.array([None] * n, pa.float64()),
        "status_code": pa.array([None] * n, pa.int32()),
        "error": pa.array([None] * n, pa.string()),
        "sampling_fraction": [1.0] * n,
        "type_errors": pa.array([None] * n, pa.map_(pa.string(), pa.string())),
    }
    return pa.table({**fixed, **{f"feature_{name}": rows[name].to_numpy() for name in rows}})


def read(engine: Engine, source: RowSource, baseline: BaselineProfile | None) -> WindowProfile:
    columns = baseline.columns if baseline else engine.sample(source, RowSource(), START, END, features()).columns
    return engine.profile(ProfileRequest(source, RowSource(), START, END, features(), columns))


def freeze(engine: Engine, rows: pd.DataFrame) -> BaselineProfile:
    source = RowSource(table=lake_table(rows))
    sample = engine.sample(source, RowSource(), START, END, features())
    whole = engine.profile(ProfileRequest(source, RowSource(), START, END, features(), sample.columns))
    return BaselineProfile(dict(sample.columns), None, whole)


def evidently_flags(reference: pd.DataFrame, current: pd.DataFrame) -> int:
    """How many columns Evidently's defaults flag."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Report([DataDriftPreset()]).run(current, reference).dict()
    return int(found["metrics"][0]["value"]["count"])


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def speed(engine: Engine, random: np.random.Generator, rows: int) -> tuple[float, float]:
    """Median seconds of Kedge from Parquet to verdicts, and of Evidently on the frames already in memory."""
    reference, current = frame(random, rows), frame(random, rows)
    baseline = freeze(engine, reference)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "current.parquet"
        pq.write_table(lake_table(current), path)
        source = RowSource(files=[str(path)])
        ours = [seconds(lambda: judge_columns(baseline, read(engine, source, baseline), DriftRule())) for _ in range(5)]
    theirs = [seconds(lambda: evidently_flags(reference, current)) for _ in range(ROUNDS)]
    return statistics.median(ours), statistics.median(theirs)


def false_alarms(engine: Engine, random: np.random.Generator) -> tuple[float, float]:
    """Share of small windows without drift in which anything is flagged: Kedge's and Evidently's."""
    reference = frame(random, BASELINE_ROWS)
    baseline = freeze(engine, reference)
    ours = theirs = 0
    for i in range(OUR_WINDOWS):
        window = frame(random, SMALL_ROWS)
        profile = read(engine, RowSource(table=lake_table(window)), baseline)
        ours += any(verdict.breach for verdict in judge_columns(baseline, profile, DriftRule()))
        theirs += i < THEIR_WINDOWS and evidently_flags(reference, window) > 0
    return ours / OUR_WINDOWS, theirs / THEIR_WINDOWS


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.drift")
    options.add_argument("--rows", type=int, default=200_000)
    rows = options.parse_args().rows
    random, engine = np.random.default_rng(1), get_engine()
    kedge, evidently = speed(engine, random, rows)
    ours, theirs = false_alarms(engine, random)
    import evidently as peer

    print(f"cores {os.cpu_count()}, {rows:,} x {NUMBERS + CATEGORIES} columns, Evidently {peer.__version__}")
    print(f"{'':44}{'Kedge':>10}{'Evidently':>12}")
    print(f"{'seconds to verdicts (median)':44}{kedge:>10.2f}{evidently:>12.2f}")
    print(f"{f'windows of {SMALL_ROWS} rows with a false alarm':44}{ours:>10.1%}{theirs:>12.0%}")
    print(
        json.dumps(
            {
                "bench": "drift",
                "rows": rows,
                "vs_evidently": round(evidently / kedge, 1),
                "false_alarms": round(ours, 4),
                "false_alarms_evidently": theirs,
            }
        )
    )


if __name__ == "__main__":
    main()
