"""`calibrated` on two tables: Kedge's own decision, with blocks of time where the rows have times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitor.drift.presets import PRESETS, Finding, get_preset
from monitor.errors import ConfigError
from monitor.points import Status

RANDOM = np.random.default_rng(21)


def rows(count: int, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "amount": RANDOM.normal(shift, 1, count),
            "age": RANDOM.integers(18, 80, count),
            "plan": RANDOM.choice(["basic", "plus"], count),
            "active": RANDOM.random(count) < 0.4,
        }
    )


def test_only_the_column_that_moved_has_drifted() -> None:
    verdicts = get_preset("calibrated").judge(rows(5000), rows(500, shift=1))
    assert {verdict.name: verdict.drifted for verdict in verdicts} == {
        "amount": True,
        "age": False,
        "plan": False,
        "active": False,
    }
    assert "moved up" in verdicts[0].why
    assert all(verdict.p_value is not None and verdict.threshold for verdict in verdicts)


def test_what_the_reference_does_over_time_is_no_drift() -> None:
    days = np.repeat(np.arange(30), 200)
    levels = RANDOM.normal(size=31)
    reference = pd.DataFrame({"temp": RANDOM.normal(levels[days], 0.3)})
    current = pd.DataFrame({"temp": RANDOM.normal(levels[30], 0.3, 200)})
    start = pd.Timestamp("2026-01-01", tz="UTC")
    timed = [
        frame.assign(event_time=start + pd.to_timedelta(day + RANDOM.random(len(frame)), unit="D"))
        for frame, day in ((reference, days), (current, 31))
    ]
    assert get_preset("calibrated").judge(reference, current)[0].drifted
    (verdict,) = get_preset("calibrated").judge(*timed)
    assert not verdict.drifted


def test_odd_columns_are_findings_and_never_stop_the_others() -> None:
    reference = rows(2000).assign(
        gone=1.0, emptied=RANDOM.normal(size=2000), texts=1.0, never=None, id=[f"id{i}" for i in range(2000)],
        lists=[[1, 2]] * 2000, infinite=np.inf,
    )  # fmt: skip
    current = rows(500, shift=2).assign(
        emptied=np.nan, texts="a", never=None, id=[f"new{i}" for i in range(500)], lists=[[1, 2]] * 500,
        infinite=np.inf, new=1,
    )  # fmt: skip
    found = {verdict.name: verdict for verdict in get_preset("calibrated").judge(reference, current)}
    assert found["amount"].drifted
    assert {name: found[name].finding for name in ("gone", "new", "texts", "emptied", "id")} == {
        "gone": Finding.MISSING,
        "new": Finding.NEW,
        "texts": Finding.TYPE_CHANGED,
        "emptied": Finding.EMPTIED,
        "id": Finding.NOT_JUDGED,
    }
    assert not any(found[name].drifted for name in ("age", "plan", "active", "never", "lists", "infinite"))
    assert all(verdict.why for verdict in found.values())


def test_too_few_rows_are_insufficient() -> None:
    verdicts = get_preset("calibrated").judge(rows(1000), rows(20))
    assert {verdict.status for verdict in verdicts} == {Status.INSUFFICIENT}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_judges_the_named_columns_and_tells_of_each(name: str) -> None:
    heard: list[str] = []
    verdicts = get_preset(name, ["plan", "amount"]).judge(rows(1000), rows(300), heard.append)
    assert [verdict.name for verdict in verdicts] == ["plan", "amount"] == heard


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="calibrated, evidently_default, nannyml_default"):
        get_preset("vibes")


def test_a_clock_that_goes_on_is_not_judged_and_dates_of_the_same_time_are() -> None:
    random = np.random.default_rng(21)
    days = pd.date_range("2026-01-01", periods=2000, freq="h")
    reference = pd.DataFrame({"at": days, "due": days[random.integers(0, 2000, 2000)]})
    current = pd.DataFrame({"at": days[-1] + (days - days[0]), "due": days[random.integers(1500, 2000, 2000)]})
    verdicts = {verdict.name: verdict for verdict in get_preset("calibrated").judge(reference, current)}
    assert verdicts["at"].finding is Finding.NOT_JUDGED
    assert "a clock, not drift" in verdicts["at"].why
    assert verdicts["due"].drifted
