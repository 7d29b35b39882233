"""How long a 30-day range of stored hourly profiles takes, read from SQLite and merged."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks.drift_shape import START
from monitor.baselines import BaselineProfile, CategoryBins, NumericBins, encode_baseline, numeric_bins
from monitor.db import baseline_store, catalog, results
from monitor.db.database import Database
from monitor.profiles import (
    CategoricalProfile,
    ColumnProfile,
    LatencySketch,
    NumericProfile,
    ServiceProfile,
    WindowProfile,
    encode_profile,
)
from monitor.queries import range_profile
from monitor.windows import Window

HOUR = timedelta(hours=1)
NUMBERS, CATEGORIES, ROWS, DIFFERENT = 38, 12, 2000, 24
FIELDS = frozenset({"service", "versions"})


def range_ms(folder: Path, random: np.random.Generator, windows: int = 720, rounds: int = 7) -> float:
    """Median milliseconds for one profile of this many stored hours of 50 columns: columns, prediction and service."""
    db = Database(f"sqlite:///{folder / 'ranges.sqlite'}")
    db.upgrade()
    _store(db, random, windows)
    end = START + windows * HOUR
    found = range_profile(db, "m", START, end, HOUR)
    assert (found.windows, found.left_out) == (windows, ())
    assert found.profile.columns["n0"].rows == windows * ROWS
    took = statistics.median(
        seconds(lambda: range_profile(db, "m", START, end, HOUR, fields=FIELDS)) for _ in range(rounds)
    )
    db.close()
    return took * 1000


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _store(db: Database, random: np.random.Generator, windows: int) -> None:
    bins = numeric_bins(random.normal(size=5000))
    profiles = [_window(random, bins) for _ in range(DIFFERENT)]
    frozen: dict[str, NumericBins | CategoryBins] = {
        name: NumericBins(column.edges) if isinstance(column, NumericProfile) else CategoryBins(column.categories)
        for name, column in profiles[0].columns.items()
    }
    baseline = BaselineProfile(frozen, bins, profiles[0])
    payloads = [encode_profile(profile, profiles[0]) for profile in profiles]
    with db.session() as session:
        model = catalog.ensure_model(session, "m", START)
        payload = encode_baseline(baseline)
        row = baseline_store.add_baseline(
            session, model.id, name="b", origin="b", rows=ROWS, start=None, end=None, payload=payload, now=START
        )
        for i in range(windows):
            window = Window(START + i * HOUR, HOUR)
            results.save_profile(session, model.id, window, payloads[i % DIFFERENT], row.id)


def _window(random: np.random.Generator, bins: NumericBins) -> WindowProfile:
    columns: dict[str, ColumnProfile] = {
        f"n{i}": NumericProfile.of(random.normal(size=ROWS), bins.edges) for i in range(NUMBERS)
    }
    letters = list("abcdef")
    for i in range(CATEGORIES):
        columns[f"c{i}"] = CategoricalProfile.of(random.choice(letters, ROWS).tolist(), letters)
    latency = LatencySketch.of(random.gamma(2.0, 8.0, ROWS).tolist())
    return WindowProfile(
        ServiceProfile(ROWS, float(ROWS), latency=latency), columns, columns["n0"], {}, versions={"1": ROWS}
    )
