"""A range is the merge of its stored windows, whichever baseline they were compared with."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from monitor import queries
from monitor.baselines import BaselineProfile, NumericBins, encode_baseline
from monitor.db import baseline_store, catalog, results
from monitor.db.database import Database
from monitor.errors import NotFound
from monitor.profiles import NumericProfile, ServiceProfile, WindowProfile, encode_profile
from monitor.windows import Window

HOUR = timedelta(hours=1)


def store(db: Database, start: datetime, hours: int, edges: tuple[float, ...], name: str, segment: str = "all") -> None:
    """A baseline on these bins, and windows of one to so many rows whose blobs hold no bins."""
    like = WindowProfile(columns={"x": NumericProfile.zero(edges)})
    baseline = BaselineProfile({"x": NumericBins(edges)}, None, like)
    with db.session() as session:
        model = catalog.ensure_model(session, "m", start)
        payload = encode_baseline(baseline)
        row = baseline_store.add_baseline(
            session, model.id, name=name, origin="o", rows=9, start=None, end=None, payload=payload, now=start
        )
        for i in range(hours):
            profile = WindowProfile(ServiceProfile(i + 1), {"x": NumericProfile.of(np.arange(i + 1.0), edges)})
            window = Window(start + i * HOUR, HOUR)
            results.save_profile(session, model.id, window, encode_profile(profile, like), row.id, segment)


def test_a_range_is_the_merge_of_the_windows_that_start_in_it(db: Database, now: datetime) -> None:
    start = now.replace(minute=0, second=0, microsecond=0)
    store(db, start, 5, (1.0, 2.0), "first")
    found = queries.range_profile(db, "m", start + HOUR, start + 4 * HOUR, HOUR)
    assert (found.windows, found.left_out, found.size) == (3, (), HOUR)
    assert found.profile.service.rows == 2 + 3 + 4
    expected = NumericProfile.of(np.concatenate([np.arange(n) for n in (2.0, 3.0, 4.0)]), (1.0, 2.0))
    column = found.profile.columns["x"]
    assert isinstance(column, NumericProfile)
    assert column.counts == expected.counts
    assert column.mean == pytest.approx(expected.mean)


def test_windows_of_an_earlier_baseline_are_named_and_left_out_of_the_columns(db: Database, now: datetime) -> None:
    start = now.replace(minute=0, second=0, microsecond=0)
    store(db, start, 2, (1.0, 2.0), "first")
    store(db, start + 2 * HOUR, 3, (7.0,), "second")
    found = queries.range_profile(db, "m", start, start + 9 * HOUR, HOUR)
    assert found.left_out == (start, start + HOUR)
    assert found.profile.columns["x"].rows == 1 + 2 + 3
    assert found.profile.service.rows == 1 + 2 + 1 + 2 + 3


def test_a_segment_has_a_range_of_its_own(db: Database, now: datetime) -> None:
    store(db, now, 2, (1.0,), "first", "region=eu")
    assert queries.range_profile(db, "m", now, now + 9 * HOUR, HOUR).windows == 0
    assert queries.range_profile(db, "m", now, now + 9 * HOUR, HOUR, "region=eu").windows == 2


def test_a_range_without_windows_is_empty_and_an_unknown_model_is_said(db: Database, now: datetime) -> None:
    with pytest.raises(NotFound):
        queries.range_profile(db, "m", now, now + HOUR)
    store(db, now, 1, (1.0,), "first")
    empty = queries.range_profile(db, "m", now - 2 * HOUR, now - HOUR, HOUR)
    assert (empty.windows, empty.profile) == (0, WindowProfile())
