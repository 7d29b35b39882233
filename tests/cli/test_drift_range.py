"""`kedge drift range`: a longer time as one comparison, from the stored profiles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from .conftest import Kedge


def test_a_month_is_compared_with_the_baseline_as_one(seeded: Kedge) -> None:
    outcome = seeded("drift", "range", "flight-delay", "--json")
    columns = {column["name"]: column for column in outcome.json["columns"]}
    assert outcome.status == 1
    assert (outcome.json["windows"] >= 29, outcome.json["window"]) == (True, "1d")
    assert columns["temp"]["breach"]
    assert "moved up" in columns["temp"]["why"]
    table = seeded("drift", "range", "flight-delay")
    assert (table.status, "windows of 1d" in table.out) == (1, True)


def test_the_days_before_the_warmth_are_as_in_the_baseline(seeded: Kedge) -> None:
    now = datetime.now(UTC)
    days = [(now - timedelta(days=back)).strftime("%Y-%m-%d") for back in (45, 30)]
    outcome = seeded("drift", "range", "flight-delay", "--from", days[0], "--to", days[1], "--window", "1d", "--json")
    assert (outcome.status, outcome.json["windows"]) == (0, 15)
    assert not any(column["breach"] for column in outcome.json["columns"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("flight-delay", "--from", "2001-01-01", "--to", "2001-01-02"), "nothing to compare"),
        (("flight-delay", "--segment", "region=nowhere"), "nothing to compare"),
        (("churn",), "nothing to compare"),
        (("nothing",), "'nothing' does not exist"),
    ],
)
def test_what_cannot_be_compared_says_so(seeded: Kedge, options: tuple[str, ...], said: str) -> None:
    outcome = seeded("drift", "range", *options)
    assert outcome.status == 2
    assert said in outcome.out + outcome.err
