"""Segments: their names, which values have one, and merging them without losing a row."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.baselines import BaselineProfile, SegmentReference
from monitor.dimensions import VERSION, Dimension, parse_dimension, parse_dimensions
from monitor.errors import InvalidValue
from monitor.profiles import CategoricalProfile, NumericProfile, ServiceProfile, WindowProfile
from monitor.segments import (
    ALL,
    LONGEST_KEY,
    Slicing,
    bin_names,
    check_pattern,
    choose_values,
    coarse_edges,
    matches,
    merge_slices,
    segment_baseline,
    segment_key,
    slicings,
)

REGION = Dimension("tag", "region")


def served(rows: int, version: str = "1") -> WindowProfile:
    return WindowProfile(ServiceProfile(rows=rows), versions={version: rows})


def sliced(counts: dict[str, int], slicing: Slicing) -> dict[str, WindowProfile]:
    """What an engine answers for a window with so many rows per value."""
    kept = choose_values(counts, slicing)
    parts: dict[str, WindowProfile] = {ALL: served(sum(counts.values()))}
    for value, rows in counts.items():
        key = segment_key(slicing.dimension, value if value in kept else "other")
        parts[key] = parts.get(key, WindowProfile()).merge(served(rows))
    return parts


counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), max_size=6)


@given(st.lists(counts, min_size=1, max_size=4), st.sampled_from([(), ("a",), ("a", "c", "e")]))
def test_merged_segments_are_those_of_the_merged_rows_or_unknown(
    windows: list[dict[str, int]], kept: tuple[str, ...]
) -> None:
    slicing = Slicing(REGION, kept, most=3)
    merged = merge_slices([sliced(window, slicing) for window in windows], slicing)
    total = reduce(lambda a, b: {v: a.get(v, 0) + b.get(v, 0) for v in {**a, **b}}, windows)
    truth = {key: part.service.rows for key, part in sliced(total, slicing).items() if key != ALL}
    if merged is not None:
        assert {key: part.service.rows for key, part in merged.items()} == truth
    else:
        assert not slicing.is_closed
        assert any("region=other" in sliced(window, slicing) for window in windows)


def test_versions_of_windows_that_had_one_each_are_told_apart_when_they_are_merged() -> None:
    slicing = Slicing(VERSION, if_several=True)
    parts = [{ALL: served(5, "1")}, {ALL: served(7, "2")}, {ALL: WindowProfile()}]
    merged = merge_slices(parts, slicing)
    assert merged is not None
    assert {key: part.service.rows for key, part in merged.items()} == {"version=1": 5, "version=2": 7}
    assert merge_slices(parts[:1], slicing) == {}


def test_dimensions_are_read_and_refused_in_words() -> None:
    assert [str(parse_dimension(text)) for text in ("version", "tag:region", "feature:age")] == [
        "version",
        "tag:region",
        "feature:age",
    ]
    for text in ("", "region", "tag:", "version:2", "tag:a=b"):
        with pytest.raises(InvalidValue, match="accepted: version, tag:NAME, feature:NAME"):
            parse_dimension(text)
    with pytest.raises(InvalidValue, match="two segment dimensions are called 'age'"):
        parse_dimensions(["tag:age", "feature:age"])


def test_long_values_have_keys_that_fit_and_differ() -> None:
    keys = {segment_key(REGION, "x" * 300 + end) for end in "ab"}
    assert len(keys) == 2
    assert {len(key) for key in keys} == {LONGEST_KEY}
    assert segment_key(REGION, "a\0b") == "region=ab"


def test_a_baseline_keeps_the_segments_of_its_long_values() -> None:
    long, rare = "x" * 300, "y" * 300
    kept = tuple(segment_key(REGION, value)[len("region=") :] for value in (long, rare))
    slicing = Slicing(REGION, kept, most=2)
    assert choose_values({"eu": 9, "us": 8, long: 2}, slicing) == (long, kept[1])
    assert choose_values({"eu": 9, rare: 1, long: 2}, slicing) == (long, rare)


def test_a_numeric_feature_is_cut_into_equal_parts_of_its_baseline() -> None:
    values = np.arange(1000, dtype=np.float64)
    profile = NumericProfile.of(values, np.quantile(values, np.linspace(0, 1, 65)[1:-1]).tolist())
    edges = coarse_edges(profile)
    shares = np.diff(np.searchsorted(values, [-1, *edges, 1e9])) / 1000
    assert len(edges) == 3
    assert shares == pytest.approx(0.25, abs=0.02)
    assert len(bin_names(edges)) == 4
    assert coarse_edges(NumericProfile.of(np.ones(9), [1.0])) == ()
    assert coarse_edges(NumericProfile.zero([1.0, 2.0])) == ()


def test_bins_that_would_be_called_the_same_are_written_out() -> None:
    assert bin_names((1.0000001, 1.0000002)) == ("(-inf, 1.0000001]", "(1.0000001, 1.0000002]", "(1.0000002, inf)")


def test_slicings_follow_the_baseline() -> None:
    age = NumericProfile.of(np.arange(100.0), list(range(10, 100, 10)))
    plan = CategoricalProfile(("free", "paid"), (90, 10))
    segments = {"region=eu": SegmentReference(served(5)), "region=us": SegmentReference(served(50))}
    baseline = BaselineProfile({}, None, WindowProfile(columns={"age": age, "plan": plan}), (), segments)
    dimensions = parse_dimensions(["tag:region", "feature:age", "feature:plan", "feature:gone"])
    region, by_age, by_plan, version = slicings(dimensions, baseline, 2)
    assert (region.kept, region.is_closed) == (("us", "eu"), True)
    assert by_age.is_closed
    assert len(by_age.edges) == 3
    assert by_plan.kept == ()
    assert (version.dimension, version.if_several) == (VERSION, True)
    assert [cut.dimension for cut in slicings(dimensions, None)] == [REGION, VERSION]


def test_a_segment_is_compared_with_itself_in_the_baseline() -> None:
    baseline = BaselineProfile({}, None, served(9), (), {"region=eu": SegmentReference(served(5), (served(2),))})
    own = segment_baseline(baseline, "region=eu")
    assert own is not None
    assert (own.whole.service.rows, len(own.blocks)) == (5, 1)
    assert segment_baseline(baseline, "region=us") is None
    assert segment_baseline(baseline, ALL) is baseline
    assert segment_baseline(baseline, "version=9") is baseline


@pytest.mark.parametrize(
    ("pattern", "seen"),
    [
        ("all", [True, False, False]),
        ("*", [False, True, True]),
        ("region=*", [False, True, False]),
        ("age=other", [False, False, True]),
    ],
)
def test_which_segments_a_monitor_looks_at(pattern: str, seen: list[bool]) -> None:
    assert check_pattern(pattern) == pattern
    assert [matches(pattern, key) for key in ("all", "region=eu", "age=other")] == seen
