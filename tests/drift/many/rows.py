"""Mixed rows for the tests of many-column methods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

START = datetime(2026, 3, 1, tzinfo=UTC)


def mixed(random: np.random.Generator, n: int, **changed: object) -> pa.Table:
    """Numbers that go together, a heavy tail, counts, holes, a constant, an empty column, categories, an id, a flag."""
    common = random.normal(size=n)
    columns: dict[str, object] = {f"x{i}": 0.6 * common + random.normal(size=n) for i in range(6)}
    columns["heavy"] = random.standard_t(1.5, size=n)
    columns["count"] = random.poisson(0.3, size=n).astype(float)
    columns["holes"] = np.where(random.random(n) < 0.2, np.nan, random.lognormal(size=n))
    columns["constant"] = np.ones(n)
    columns["empty"] = pa.nulls(n, pa.float64())
    columns["colour"] = random.choice(list("abcde"), n, p=[0.4, 0.3, 0.2, 0.09, 0.01])
    columns["id"] = [f"{number:x}" for number in random.integers(0, 1 << 40, n)]
    columns["flag"] = random.random(n) < 0.1
    return pa.table({**columns, **changed})


def timed(table: pa.Table, hours: float = 240.0) -> pa.Table:
    """The rows with event times, evenly over so many hours."""
    step = timedelta(hours=hours) / max(table.num_rows, 1)
    times = [START + i * step for i in range(table.num_rows)]
    return table.append_column("@event_time", pa.array(times, pa.timestamp("us", tz="UTC")))
