"""Counting batch by batch gives the profile of all the values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.engines.tally import NumericTally
from monitor.profiles import NumericProfile

EDGES = (-2.0, 0.0, 1.0, 5.0)
values = st.one_of(
    st.floats(-10, 10), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([*EDGES, -0.0, np.nan])
)
batches = st.lists(st.lists(values, max_size=12), max_size=5)


@given(batches, st.sampled_from([EDGES, (), (0.0,)]))
def test_batches_are_counted_as_one_column(parts: list[list[float]], edges: tuple[float, ...]) -> None:
    tally = NumericTally(edges)
    for part in parts:
        tally.add(np.array(part, dtype=np.float64))
    got = tally.profile()
    every = np.array([value for part in parts for value in part], dtype=np.float64)
    expected = NumericProfile.of(every, edges)
    assert (got.edges, got.counts, got.missing, got.infinite) == (
        expected.edges,
        expected.counts,
        expected.missing,
        expected.infinite,
    )
    assert (got.low, got.high) == (expected.low, expected.high)
    if abs(expected.m2) < 1e100:
        scale = max(abs(got.low or 0.0), abs(got.high or 0.0), 1.0)
        assert got.mean == pytest.approx(expected.mean, abs=1e-9 * scale)
        assert got.m2 == pytest.approx(expected.m2, abs=1e-7 * scale**2)


def test_the_batch_itself_is_left_as_it_was() -> None:
    batch = np.array([3.0, 1.0, np.nan])
    NumericTally(EDGES).add(batch)
    assert batch[0] == 3.0
