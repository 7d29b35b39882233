"""Quality profiles are monoids: merging is associative, order-free, neutral to an empty one, and survives storage."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.profiles import LatencySketch, WindowProfile, decode_profile, encode_profile
from monitor.profiles.quality import QualityProfile

counts = st.integers(0, 1000)
by_name = st.dictionaries(st.sampled_from("abc"), counts)
profiles = st.builds(
    QualityProfile,
    rows=counts,
    outside=by_name,
    appeared=by_name,
    compared=counts,
    alike=counts,
    identified=counts,
    repeated=counts,
    tested=counts,
    outliers=counts,
    delay=st.lists(st.floats(0, 1e9), max_size=20).map(LatencySketch.of),
    newest=st.none() | st.floats(0, 2e9),
)


@given(profiles, profiles, profiles)
def test_merging_is_associative_and_order_free(a: QualityProfile, b: QualityProfile, c: QualityProfile) -> None:
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(b) == b.merge(a)


@given(profiles)
def test_an_empty_profile_changes_nothing(profile: QualityProfile) -> None:
    assert profile.merge(QualityProfile()) == profile == QualityProfile().merge(profile)


@given(profiles)
def test_it_is_stored_with_its_window_and_read_back(profile: QualityProfile) -> None:
    assert decode_profile(encode_profile(WindowProfile(quality=profile))).quality == profile


def test_a_window_stored_before_there_was_quality_has_an_empty_one() -> None:
    assert decode_profile(msgspec.msgpack.encode({"versions": {"1": 3}})).quality == QualityProfile()
