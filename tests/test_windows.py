"""Aligned windows cover time exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import InvalidValue
from monitor.windows import format_size, parse_size, window_of, windows_between, windows_touched

moments = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
sizes = st.sampled_from([parse_size(text) for text in ("1m", "5m", "1h", "90m", "1d", "1w", "2w")])


@given(moments, sizes)
def test_a_moment_lies_in_exactly_its_own_window(moment: datetime, size: timedelta) -> None:
    window = window_of(moment, size)
    assert moment in window
    assert window.end not in window
    assert window_of(window.start, size) == window
    assert window_of(window.end, size).start == window.end


@given(moments, st.timedeltas(timedelta(0), timedelta(days=3)), sizes)
def test_windows_between_cover_the_span_without_gap_or_overlap(
    start: datetime, length: timedelta, size: timedelta
) -> None:
    if length / size > 500:
        length = size * 500
    spans = list(windows_between(start, start + length, size))
    for earlier, later in pairwise(spans):
        assert earlier.end == later.start
    if length:
        assert start in spans[0]
        assert spans[-1].end >= start + length
    assert windows_touched([start], size) == {window_of(start, size)}


@given(sizes)
def test_sizes_survive_being_written_down(size: timedelta) -> None:
    assert parse_size(format_size(size)) == size


def test_weeks_begin_on_monday() -> None:
    assert window_of(datetime(2026, 3, 4, tzinfo=UTC), parse_size("1w")).start == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "h", "0h", "1y", "-1h", "1.5h", "1 h", "5201w", "999999999999d", "9" * 5000 + "s"]
)
def test_an_unusable_size_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(InvalidValue, match="accepted"):
        parse_size(text)
