"""Stored windows read back equal, in the present encoding and the first one, and merge as they would one by one."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import InvalidValue
from monitor.profiles import (
    CategoricalProfile,
    ColumnProfile,
    ErrorProfile,
    LabelledProfile,
    LatencySketch,
    NumericProfile,
    ScoreProfile,
    ServiceProfile,
    WindowProfile,
    decode_profile,
    encode_profile,
    merge_all,
    merge_stored,
)
from monitor.profiles.stored import stored_service

EDGES = (-1.0, 0.0, 2.5)
numbers = st.lists(st.one_of(st.floats(-1e6, 1e6), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 2.5])), max_size=20)
words = st.lists(st.sampled_from([None, "a", "b", "other"]), max_size=20)


def window(values: list[float], categories: list[str | None], version: str = "1") -> WindowProfile:
    column = NumericProfile.of(np.array(values, dtype=np.float64), EDGES)
    plan = CategoricalProfile.of(categories, ("a", "b"))
    service = ServiceProfile(len(values), float(len(values)), latency=LatencySketch.of([1.0, 2.0]))
    return WindowProfile(service, {"age": column, "plan": plan}, column, {"age": 1}, versions={version: len(values)})


windows = st.builds(window, numbers, words, st.sampled_from(["1", "2"]))
EMPTY = window([], [])


def assert_same(a: WindowProfile, b: WindowProfile) -> None:
    """Equal but for the rounding of mean and m2."""
    assert without_moments(a) == without_moments(b)
    for one, other in ((a.columns["age"], b.columns["age"]), (a.prediction, b.prediction)):
        assert isinstance(one, NumericProfile)
        assert isinstance(other, NumericProfile)
        scale = max(abs(one.low or 0.0), abs(one.high or 0.0), 1.0)
        assert one.mean == pytest.approx(other.mean, abs=1e-9 * scale)
        assert one.m2 == pytest.approx(other.m2, abs=1e-7 * scale**2)


def without_moments(profile: WindowProfile) -> WindowProfile:
    def strip(column: ColumnProfile) -> ColumnProfile:
        return msgspec.structs.replace(column, mean=0.0, m2=0.0) if isinstance(column, NumericProfile) else column

    columns = {name: strip(column) for name, column in profile.columns.items()}
    prediction = strip(profile.prediction) if profile.prediction else None
    return msgspec.structs.replace(profile, columns=columns, prediction=prediction)


@given(windows)
def test_a_stored_window_reads_back_equal_with_and_without_its_bins(profile: WindowProfile) -> None:
    assert decode_profile(encode_profile(profile)) == profile
    assert decode_profile(encode_profile(profile, EMPTY), EMPTY) == profile


@given(windows)
def test_a_window_that_the_first_version_stored_still_reads(profile: WindowProfile) -> None:
    old = msgspec.msgpack.encode(profile)
    assert decode_profile(old) == profile
    assert without_moments(merge_stored([old, encode_profile(profile)]).profile) == without_moments(
        profile.merge(profile)
    )


@given(st.lists(windows, min_size=1, max_size=7))
@settings(max_examples=50)
def test_merging_all_equals_merging_one_by_one(profiles: list[WindowProfile]) -> None:
    one_by_one = reduce(WindowProfile.merge, profiles)
    assert_same(merge_all(profiles), one_by_one)
    assert_same(merge_stored([encode_profile(p, EMPTY) for p in profiles], [EMPTY]).profile, one_by_one)


@given(st.permutations([window([i, i / 2], ["a"], str(i % 2)) for i in range(5)]), st.integers(1, 4))
def test_merging_all_is_order_free_and_associative(profiles: list[WindowProfile], cut: int) -> None:
    in_order = merge_all(sorted(profiles, key=lambda p: p.columns["age"].high or 0.0))  # type: ignore[union-attr]
    assert_same(merge_all(profiles), in_order)
    assert_same(merge_all([merge_all(profiles[:cut]), merge_all(profiles[cut:])]), in_order)


def test_the_bins_take_no_room_in_windows_that_are_on_a_known_baseline() -> None:
    edges = tuple(np.linspace(0, 1, 63).tolist())
    columns: dict[str, ColumnProfile] = {
        f"n{i}": NumericProfile.of(np.random.default_rng(i).uniform(size=500), edges) for i in range(20)
    }
    profile = WindowProfile(columns=columns)
    assert len(encode_profile(profile, profile)) < len(encode_profile(profile)) / 3


def test_bins_that_nobody_knows_are_said() -> None:
    payload = encode_profile(EMPTY, EMPTY)
    with pytest.raises(InvalidValue, match="baseline"):
        decode_profile(payload)
    with pytest.raises(InvalidValue, match="baseline"):
        decode_profile(payload, WindowProfile())


def test_windows_on_other_bins_are_left_out_of_the_columns_and_counted_in_the_rest() -> None:
    other = WindowProfile(ServiceProfile(7), {"age": NumericProfile.of(np.ones(7), (1.0,))})
    none = WindowProfile(ServiceProfile(5))
    merged = merge_stored([encode_profile(p) for p in (none, other, window([1.0, 2.0], ["a"]))])
    assert merged.left_out == (0, 1)
    assert merged.profile.service.rows == 14
    assert merged.profile.columns["age"].rows == 2


def test_merging_all_refuses_columns_on_different_bins() -> None:
    with pytest.raises(InvalidValue, match="different bins"):
        merge_all([EMPTY, WindowProfile(columns={"age": NumericProfile.zero((1.0,))})])


def test_only_the_fields_that_are_asked_for_are_merged() -> None:
    payloads = [encode_profile(window([1.0], ["a"])), msgspec.msgpack.encode(window([2.0], ["b"]))]
    some = merge_stored(payloads, fields=frozenset({"versions"})).profile
    assert some.versions == {"1": 2}
    assert some.service == ServiceProfile()
    assert some.columns["age"].rows == 2
    assert merge_stored(payloads, fields=frozenset()).profile.columns["plan"].rows == 2
    with pytest.raises(InvalidValue, match="accepted: service"):
        merge_stored(payloads, fields=frozenset({"weather"}))


def test_merging_nothing_is_empty() -> None:
    assert merge_all([]) == WindowProfile()
    assert merge_stored([]).profile == WindowProfile()


def test_counts_of_any_size_are_stored_and_merged_exactly() -> None:
    for count in (0, 255, 256, 65_536, 2**32, 2**40):
        profile = WindowProfile(columns={"x": CategoricalProfile(("a",), (count,), 1, 2)})
        assert decode_profile(encode_profile(profile)) == profile
        twice = merge_stored([encode_profile(profile)] * 2).profile.columns["x"]
        assert twice == CategoricalProfile(("a",), (2 * count,), 2, 4)


def test_windows_without_rows_change_nothing_however_large_the_values_are() -> None:
    huge = window([1e200, 1e200], ["a", "b"])
    for merged in (merge_all([EMPTY, huge, EMPTY]), merge_stored([encode_profile(p) for p in (huge, EMPTY)]).profile):
        assert merged.columns == huge.columns
        assert merged.prediction == huge.prediction


def test_a_window_from_before_there_were_packed_columns_reads_as_it_was_written() -> None:
    written = WindowProfile(
        ServiceProfile(3, 6.0, 1, 0, LatencySketch({5: 2, 9: 1}, 1.25)),
        {
            "age": NumericProfile.of(np.array([1.0, 5.0, np.nan]), (0.0, 2.5)),
            "plan": CategoricalProfile.of(["a", None, "z"], ("a", "b")),
        },
        NumericProfile.of(np.array([0.25, 0.75]), (0.5,)),
        {"age": 1},
        LabelledProfile(
            2, 3, {"1": {"0": 1, "1": 1}}, ScoreProfile({512: (0, 1), 1536: (0, 1)}), ErrorProfile(2, 1.0, 1.0, 1.0)
        ),
        {"1": 3},
    )
    old = bytes.fromhex((Path(__file__).parent / "first_window.hex").read_text())
    assert decode_profile(old) == written
    assert merge_stored([old, encode_profile(written)]).profile.columns == written.merge(written).columns
    assert stored_service(old) == written.service
