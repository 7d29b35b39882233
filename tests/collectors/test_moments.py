"""Times as logs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from collectors.formats.moments import read_time
from monitor.config import MappingSettings

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "sent",
    [
        "2026-07-01T12:00:00Z",
        "2026-07-01T14:00:00+02:00",
        "2026-07-01 12:00:00 UTC",
        "2026-07-01T12:00:00",
        NOON.timestamp(),
        NOON,
        datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_every_spelling_of_a_moment_is_the_same_in_utc(sent: object) -> None:
    assert read_time(sent) == NOON
    assert read_time(sent).tzinfo is UTC


def test_a_time_without_a_zone_is_in_the_mappings() -> None:
    berlin = MappingSettings(time_zone="Europe/Berlin")
    assert read_time("2026-07-01T14:00:00", berlin) == NOON
    assert read_time("2026-07-01T12:00:00Z", berlin) == NOON


def test_a_number_is_in_the_mappings_unit() -> None:
    assert read_time(int(NOON.timestamp() * 1000), MappingSettings(time_unit="ms")) == NOON


@pytest.mark.parametrize("sent", [None, True, "", "noon", [], 1e30, float("nan"), "0001-01-01T00:00:00+10:00"])
def test_what_is_no_time_is_refused_by_name_and_value(sent: object) -> None:
    with pytest.raises(ValueError, match="logged_at"):
        read_time(sent, name="logged_at")
