"""How many windows a second one worker keeps current on one core.

    python -m benchmarks.drift_worker [--models 20] [--windows 6] [--rows 500] [--profile]

Real stores (SQLite control database, lake folder) and the worker's own job: models of 20 columns, watched in windows of
5 minutes by the monitors that they get by default. 200 such models make 0.67 windows a second.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.drift_data import lake_rows
from benchmarks.drift_shape import START, Shape
from monitor.config import Settings
from monitor.db import catalog, window_store
from monitor.db.catalog import VersionSeen
from monitor.db.database import Database
from monitor.engines import get_engine
from monitor.jobs import Stores, ensure_baselines, evaluate_due_windows, onboard_models
from monitor.lake import Kind, Lake
from monitor.windows import windows_between

SIZE = timedelta(minutes=5)
BASELINE_WINDOWS = 10
NEEDED = 200 / SIZE.total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift_worker")
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--windows", type=int, default=6)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--profile", action="store_true", help="say what the time goes to")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="kedge-bench-") as folder:
        stores = open_stores(Path(folder), options.rows)
        fill(stores, options.models, options.windows, options.rows)
        evaluated, seconds, busy = _watched(stores, options.windows, options.profile)
    print(f"{evaluated} windows of {options.rows} rows in {seconds:.1f} s, {busy:.1f} s of them on the core")
    print(
        json.dumps(
            {
                "bench": "drift_worker",
                "windows_per_s": round(evaluated / seconds, 2),
                "windows_per_core_s": round(evaluated / busy, 2),
                "models_per_core": round(evaluated / busy / NEEDED * 200),
            }
        )
    )


def open_stores(folder: Path, rows: int) -> Stores:
    db = Database(f"sqlite:///{folder / 'control.sqlite'}")
    db.upgrade()
    monitoring = {"window": "5m", "baseline_rows": BASELINE_WINDOWS * rows}
    settings = Settings(data_dir=folder, monitoring=monitoring, jobs={"settle_seconds": 0, "reopen_seconds": 0})
    return Stores(db, Lake(str(folder / "lake")), get_engine(), settings)


def fill(stores: Stores, models: int, windows: int, rows: int) -> None:
    """Every model's baseline and monitors, then so many windows that are due."""
    random = np.random.default_rng(1)
    shape = Shape(rows)
    for i in range(models):
        name = f"model-{i}"
        with stores.db.session() as session:
            model = catalog.ensure_model(session, name, START)
            catalog.add_features(session, model.id, shape.features.values(), START)
        _send(stores, name, range(BASELINE_WINDOWS), shape, random)
    now = START + BASELINE_WINDOWS * SIZE
    made = ensure_baselines(stores, now)
    assert made == models, f"{made} baselines of {models}"
    onboard_models(stores, now)
    while evaluate_due_windows(stores, "setup", now).evaluated:
        pass
    for i in range(models):
        _send(stores, f"model-{i}", range(BASELINE_WINDOWS, BASELINE_WINDOWS + windows), shape, random)


def _send(stores: Stores, name: str, windows: range, shape: Shape, random: np.random.Generator) -> None:
    """One append to the lake per window, as a flusher makes them or more."""
    for index in windows:
        start = START + index * SIZE
        table = lake_rows(range(shape.rows), shape, random, start, SIZE, f"{name}-{index}-")
        table = table.append_column("event_date", pa.array([start.date()] * shape.rows, pa.date32()))
        stores.lake.append(name, Kind.PREDICTIONS, table, collector="c", through=index + 1)
    first, last = START + windows.start * SIZE, START + windows.stop * SIZE
    with stores.db.session() as session:
        model = catalog.find_model(session, name)
        seen = [VersionSeen("1", first, last - timedelta(seconds=1), len(windows) * shape.rows)]
        catalog.count_predictions(session, model.id, seen, last)
        touched = [window.start for window in windows_between(first, last, SIZE)]
        window_store.touch_moments(session, model.id, touched, last)


def _watched(stores: Stores, windows: int, profiled: bool) -> tuple[int, float, float]:
    """Windows evaluated, seconds of the clock, and seconds of the processor."""
    now: datetime = START + (BASELINE_WINDOWS + windows) * SIZE
    profile = cProfile.Profile()
    evaluated, started, busy = 0, time.perf_counter(), time.process_time()
    if profiled:
        profile.enable()
    while (report := evaluate_due_windows(stores, "worker", now)).evaluated:
        assert not report.failed
        evaluated += report.evaluated
    profile.disable()
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    if profiled:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(70)
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    return evaluated, seconds, busy


if __name__ == "__main__":
    main()
