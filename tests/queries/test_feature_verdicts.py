"""Two monitors may watch the same features, such as a preset beside Kedge's own: a window is still one window."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from monitor import queries
from monitor.db.database import Database
from tests.dashboards.seeded_rows import Writer

DAY = timedelta(days=1)
DAYS = 40


def evidence(**breaches: bool) -> dict[str, Any]:
    verdicts = [
        {"name": name, "value": 0.3, "limit": 0.2, "p_value": 0.01, "why": "moved", "breach": breach}
        for name, breach in breaches.items()
    ]
    return {"columns": [each for each in verdicts if each["breach"]], "all_columns": verdicts}


@pytest.fixture
def first(sqlite_db: Database, now: datetime) -> datetime:
    """Forty days: one monitor flags `age` every day, the other `fare` every second day."""
    first = now - DAYS * DAY
    with sqlite_db.session() as session:
        writer = Writer.of(session, "m", "binary", DAY, first, now, 5000)
        own, preset = (writer.monitor(name, "drift", "warning") for name in ("feature_drift", "as_before"))
        for day in range(DAYS):
            start = first + day * DAY
            for name in ("age", "fare"):
                writer.point("drift", start, 0.3, 500, column=name)
            writer.judge(own, start, 1.0, 500, breach=True, evidence=evidence(age=True, fare=False))
            odd = day % 2 == 1
            writer.judge(preset, start, float(odd), 500, breach=odd, evidence=evidence(age=False, fare=odd))
    return first


def test_a_window_is_listed_once_with_what_any_of_them_flagged(sqlite_db: Database, first: datetime) -> None:
    windows = queries.drift_windows(sqlite_db, "m", limit=10)
    assert [window.start for window in windows] == [first + day * DAY for day in range(30, 40)]
    assert [(window.drifted, window.features, window.verdict) for window in windows] == [
        (1, 2, "breach"), (2, 2, "breach")] * 5  # fmt: skip


def test_windows_in_a_row_are_counted_by_window(sqlite_db: Database, first: datetime) -> None:
    table = queries.drift_table(sqlite_db, "m")
    assert {row.feature: (row.status, row.windows_in_breach) for row in table.rows} == {
        "age": ("breach", 30), "fare": ("breach", 1)}  # fmt: skip


def test_a_feature_is_in_breach_where_one_of_them_says_so(sqlite_db: Database, first: datetime, now: datetime) -> None:
    assert {point.breach for point in queries.series(sqlite_db, "m", ["drift"], column="age")} == {True}
    fares = queries.series(sqlite_db, "m", ["drift"], column="fare")
    assert [point.breach for point in fares] == [False, True] * (DAYS // 2)
    row = queries.overview(sqlite_db, now)[0]
    assert (row.drifted, row.features) == (2, 2)
