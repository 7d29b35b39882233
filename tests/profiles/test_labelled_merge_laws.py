"""Labelled profiles are monoids: a merge equals the profile of all rows, in any order, and zero is neutral."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.performance import performance_points
from monitor.performance.rows import LabelledRows, error_profile, profile_rows
from monitor.profiles import LabelledProfile, Ranking, Spread, WindowProfile, decode_profile, encode_profile
from monitor.schemas import Task

CLASSES = np.array(["0", "1", "2"], dtype=object)


def rows(n: int, seed: int, task: Task) -> LabelledRows:
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.ones(3), n)
    label = np.array([random.choice(3, p=p) for p in chances], dtype=int)
    if task is Task.BINARY:
        label = label.clip(0, 1)
    predicted = chances.argmax(axis=1)
    maps = [dict(zip(CLASSES, row, strict=True)) for row in chances.tolist()]
    values = label + random.normal(size=n)
    score = values if task is Task.RANKING else chances[:, 1]
    group = np.array([f"{seed}-{i // 4}" for i in range(n)], dtype=object)
    return LabelledRows(CLASSES[predicted], CLASSES[label], values, label.astype(float), score, maps, group)


def together(a: LabelledRows, b: LabelledRows) -> LabelledRows:
    def both(name: str) -> Any:
        return np.concatenate([getattr(a, name), getattr(b, name)])

    return LabelledRows(
        both("prediction"),
        both("label"),
        both("prediction_value"),
        both("label_value"),
        both("score"),
        [*a.scores, *b.scores],
        both("group"),
    )


def assert_close(a: Any, b: Any, but: frozenset[str] = frozenset()) -> None:
    """Equal, floats to 1e-9; fields named in `but` and rankings, which hold for one window only, are not compared."""
    if isinstance(a, Ranking | None) and isinstance(b, Ranking | None):
        return
    if isinstance(a, msgspec.Struct):
        for name in a.__struct_fields__:
            if name not in but:
                assert_close(getattr(a, name), getattr(b, name), but)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_close(a[key], b[key], but)
    elif isinstance(a, list | tuple):
        for pair in zip(a, b, strict=True):
            assert_close(*pair, but)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)
    else:
        assert a == b


@pytest.mark.parametrize("task", list(Task))
@given(a=st.integers(0, 15), b=st.integers(0, 15), seed=st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_a_merge_is_the_profile_of_all_rows(task: Task, a: int, b: int, seed: int) -> None:
    first, second = rows(a, 2 * seed, task), rows(b, 2 * seed + 1, task)
    merged = profile_rows(first, task, "1").merge(profile_rows(second, task, "1"))
    assert_close(merged, profile_rows(together(first, second), task, "1"), frozenset({"spread"}))


@pytest.mark.parametrize("task", list(Task))
def test_merging_is_associative_and_order_free(task: Task) -> None:
    a, b, c = (profile_rows(rows(20, seed, task), task, "1") for seed in (1, 2, 3))
    assert_close(a.merge(b).merge(c), a.merge(b.merge(c)))
    assert_close(a.merge(b), b.merge(a))
    zero = LabelledProfile()
    assert zero.merge(a) == a == a.merge(zero)


def test_labels_of_any_size_merge_without_an_error() -> None:
    sizes = [np.array([0.0, 1.0]), np.array([1e100, 3e100]), np.array([-9e149, 9e149])]
    for one in sizes:
        for other in sizes:
            merged = error_profile(one + 1, one).merge(error_profile(other * 0.5, other))
            assert merged.n == merged.labels.n == 4
            assert all(np.isfinite(value) for value in msgspec.structs.astuple(merged.labels))


@pytest.mark.parametrize("task", list(Task))
def test_profiles_are_stored_whole(task: Task) -> None:
    window = WindowProfile(labelled=profile_rows(rows(30, 4, task), task, "1"))
    assert decode_profile(encode_profile(window)) == window


@given(st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_the_auc_of_a_merge_is_within_half_the_share_of_pairs_in_one_cell(seed: int) -> None:
    first, second = rows(150, seed, Task.BINARY), rows(150, seed + 1000, Task.BINARY)
    profile = profile_rows(first, Task.BINARY, "1").merge(profile_rows(second, Task.BINARY, "1"))
    exact = profile_rows(together(first, second), Task.BINARY, "1").scores.ranking
    merged = {point.metric: point.value for point in performance_points(profile, Task.BINARY, "1")}
    scores = profile.scores
    shared = sum(n * p for n, p in scores.buckets.values()) / (scores.negatives * scores.positives)
    assert exact is not None
    assert scores.ranking is None
    assert abs((merged["auc"] or 0) - exact.auc) <= shared / 2 + 1e-12


def test_a_spread_without_rows_has_no_error() -> None:
    assert np.isnan(Spread().error("auc", 10))
