"""The parts of an explanation: bins that moved, spelling, ranking, segments, the first window, the cause."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from monitor.baselines import numeric_bins
from monitor.drift.words import shown
from monitor.explanation import fallen_segments
from monitor.explanation.cause import Cause, likely_cause
from monitor.explanation.moved import moved_bins
from monitor.explanation.ranking import RankedColumn, weights
from monitor.explanation.spelling import find_spelling_change, looks_renamed
from monitor.points import Point, share_point, undefined
from monitor.profiles import CategoricalProfile, LabelledProfile, NumericProfile

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_numeric_bins_that_moved_are_tenths_of_the_baseline() -> None:
    random = np.random.default_rng(1)
    before = random.normal(size=10_000)
    edges = numeric_bins(before).edges
    first, *_ = moved_bins(NumericProfile.of(before, edges), NumericProfile.of(random.normal(2, 1, 5000), edges))
    assert first.before == pytest.approx(0.1, abs=0.02)
    assert first.after == pytest.approx(0.76, abs=0.03)
    assert first.low == pytest.approx(1.28, abs=0.1)
    assert first.high is None


def test_categories_that_moved_are_named_and_missing_is_one() -> None:
    before = CategoricalProfile.of(["a"] * 60 + ["b"] * 40, ("a", "b"))
    after = CategoricalProfile.of(["a"] * 10 + ["new"] * 40 + [None] * 50, ("a", "b"))
    found = moved_bins(before, after, most=4)
    assert [(bin.category, bin.before, bin.after) for bin in found] == [
        ("unseen categories", 0.0, 0.8),
        ("(missing)", 0.0, 0.5),
        ("a", 0.6, 0.2),
        ("b", 0.4, 0.0),
    ]


def test_bins_of_odd_columns_are_no_error() -> None:
    empty, numeric = CategoricalProfile((), ()), NumericProfile.zero((1.0,))
    assert moved_bins(empty, empty) == moved_bins(numeric, numeric) == moved_bins(empty, numeric) == []
    assert moved_bins(NumericProfile.of(np.ones(5), ()), NumericProfile.of(np.ones(9), ())) == []


def test_a_long_or_unprintable_category_is_shown_short_and_spelt_out() -> None:
    assert shown("x" * 100) == "x" * 59 + "…"
    assert shown("a\nb") == "'a\\nb'"


def test_another_case_or_sign_is_a_spelling() -> None:
    found = find_spelling_change(("self-employed", "retired"), {"Self_Employed": 90, "RETIRED ": 9, "nurse": 1})
    assert found is not None
    assert (found.old, found.new, found.share) == ("self-employed", "Self_Employed", 0.99)
    number = find_spelling_change(("1", "2"), {"1.0": 50, "2.0": 50})
    assert number is not None
    assert number.new == "1.0"


def test_other_categories_are_no_spelling() -> None:
    assert find_spelling_change(("telephone",), {"cellular": 90, "telephone": 10}) is None
    assert find_spelling_change(("a",), {"A": 10, "b": 90}) is None
    assert find_spelling_change((), {}) is None
    assert find_spelling_change(("!",), {"?": 5}) is None


def test_as_many_unknown_values_as_a_category_had_are_a_new_name_for_it() -> None:
    def window(*values: tuple[str, int]) -> CategoricalProfile:
        return CategoricalProfile.of([name for name, n in values for _ in range(n)], ("a", "b"))

    before = window(("a", 60), ("b", 40))
    assert looks_renamed(before, window(("a", 125), ("new", 75)))
    assert not looks_renamed(before, window(("a", 125), ("new", 75), ("b", 1)))
    assert not looks_renamed(before, window(("a", 190), ("new", 10)))
    assert not looks_renamed(before, window(("a", 12), ("new", 8)))  # eight of them may be missing by chance
    assert looks_renamed(before, window(("new", 100)))
    assert not looks_renamed(before, window())
    assert not looks_renamed(window(), before)


def test_columns_rank_by_drift_times_importance() -> None:
    assert list(weights({"a": 0.5, "b": 0.3, "c": 0.1}, {"b": 0.9, "a": 0.1})) == ["b", "a", "c"]
    assert weights({"a": 0.3, "b": 0.1}, {}) == {"a": pytest.approx(0.75), "b": pytest.approx(0.25)}
    assert list(weights({"a": 0.3, "b": 0.1}, {"c": 1.0})) == ["a", "b"]
    assert weights({}, {"a": 1.0}) == {}
    assert weights({"a": 0.0}, {}) == {"a": 0.0}


def accuracy(profile: LabelledProfile) -> Point:
    hits = sum(row.get(label, 0) for label, row in profile.confusion.items())
    return share_point("accuracy", hits, profile.labelled)


def labelled(right: int, wrong: int) -> LabelledProfile:
    return LabelledProfile(right + wrong, right + wrong, {"1": {"1": right, "0": wrong}})


def test_segments_that_fell_by_more_than_chance_are_named_the_surest_first() -> None:
    before = {"region=eu": labelled(900, 100), "region=us": labelled(900, 100), "region=tiny": labelled(30, 3)}
    after = {"region=eu": labelled(300, 200), "region=us": labelled(445, 55), "region=tiny": labelled(2, 8)}
    found = fallen_segments("accuracy", before, {**after, "region=new": labelled(1, 99)}, accuracy)
    assert [segment.segment for segment in found] == ["region=eu"]
    assert found[0].fall == pytest.approx(0.3)
    assert found[0].share == pytest.approx(500 / 1110)


def test_an_error_that_rose_is_a_fall() -> None:
    def measure(profile: LabelledProfile) -> Point:
        return Point("mae", float(profile.labelled), 100, low=profile.labelled - 1.0, high=profile.labelled + 1.0)

    found = fallen_segments("mae", {"a=1": LabelledProfile(100)}, {"a=1": LabelledProfile(150)}, measure)
    assert [segment.fall for segment in found] == [50.0]


def test_segments_without_a_value_are_left_out() -> None:
    def measure(profile: LabelledProfile) -> Point:
        return undefined("auc", profile.labelled, "one class only")

    assert fallen_segments("auc", {"a=1": labelled(50, 50)}, {"a=1": labelled(50, 50)}, measure) == []


def column(name: str, weight: float, fault: str = "") -> RankedColumn:
    return RankedColumn(name, 0.5, None, weight, "moved", fault)


def test_what_speaks_for_which_cause() -> None:
    assert likely_cause([column("a", 0.8, "missing"), column("b", 0.2)], 2, 9)[0] is Cause.PIPELINE
    assert likely_cause([column("a", 0.2, "missing"), column("b", 0.8)], 2, 9)[0] is Cause.UNCLEAR
    assert likely_cause([column(name, 0.3) for name in "abc"], 3, 9)[0] is Cause.WORLD
    assert likely_cause([column(name, 0.3, "out_of_range") for name in "abc"], 3, 9)[0] is Cause.UNCLEAR
    assert likely_cause([column("a", 1.0)], 1, 9)[0] is Cause.UNCLEAR
    assert likely_cause([], 0, 9) == (Cause.UNCLEAR, "no column moved")
