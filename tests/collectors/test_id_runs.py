"""Runs of ids: what was written is found, strangers are not, and merging changes nothing of it."""

from __future__ import annotations

from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors import id_runs
from collectors.id_runs import Asked, Ids, Run, merge_runs, write_run


def some_ids(count: int, seed: int) -> Ids:
    random = np.random.default_rng(seed)
    high, low = random.integers(0, 2**64, (2, count), np.uint64)
    owner, at = random.integers(0, 2**40, (2, count))
    return Ids(np.sort(high), low, owner, at)


def assert_holds(run: Run, ids: Ids) -> None:
    places, owner, at = run.find(Asked.of(ids.high, ids.low))
    assert places.tolist() == list(range(len(ids)))
    assert owner.tolist() == ids.owner.tolist()
    assert at.tolist() == ids.at.tolist()


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_a_run_holds_what_was_written_and_no_strangers(count: int, tmp_path: Path) -> None:
    ids, strangers = some_ids(count, 1), some_ids(1000, 2)
    run = write_run(tmp_path / "1.run", ids)
    assert run.count == count
    assert_holds(run, ids)
    assert len(run.find(Asked.of(strangers.high, strangers.low))[0]) == 0


def test_ids_that_agree_in_their_upper_half_are_told_apart(tmp_path: Path) -> None:
    high = np.array([5, 5, 5, 2**64 - 1], np.uint64)
    low, owner = np.array([3, 1, 2, 1], np.uint64), np.array([1, 2, 3, 4])
    run = write_run(tmp_path / "1.run", Ids(high, low, owner, owner))
    assert_holds(run, Ids(high, low, owner, owner))
    assert len(run.find(Asked.of(high[:1], np.array([4], np.uint64)))[0]) == 0


def test_the_filter_lets_few_strangers_through(tmp_path: Path) -> None:
    run = write_run(tmp_path / "1.run", some_ids(100_000, 3))
    strangers = some_ids(100_000, 4)
    asked = Asked.of(strangers.high, strangers.low)
    words = run._filter[id_runs._word(asked.high, run._words)]
    assert np.mean((words & asked.marks) == asked.marks) < 1 / 300


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any),
    cut=st.integers(1, 50),
    seed=st.integers(0, 1000),
)
def test_a_merged_run_holds_what_its_parts_held_however_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], cut: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    ids = some_ids(sum(counts), seed)
    mixed = np.random.default_rng(seed).permutation(len(ids))
    ends = list(accumulate(counts, initial=0))
    parts = [np.sort(mixed[start:end]) for start, end in pairwise(ends) if start < end]
    runs = [
        write_run(folder / f"{number}.run", Ids(*(getattr(ids, name)[part] for name in Ids.__slots__)))
        for number, part in enumerate(parts)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_runs, "_SLICE", cut)
        merged = merge_runs(folder / "merged.run", runs)
    assert merged.count == len(ids)
    assert_holds(merged, ids)
    (whole,) = merged.slices(np.array([], np.uint64))
    assert (whole.high == ids.high).all()
