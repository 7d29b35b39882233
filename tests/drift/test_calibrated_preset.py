"""`calibrated` on two tables: Kedge's own decision, with blocks of time where the rows have times."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
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


@pytest.mark.parametrize("sizes", [(1000, 20), (20, 1000), (1, 1000), (0, 1000)])
def test_too_few_rows_on_either_side_are_insufficient(sizes: tuple[int, int]) -> None:
    verdicts = get_preset("calibrated").judge(*map(rows, sizes))
    assert {verdict.status for verdict in verdicts} == {Status.INSUFFICIENT}
    assert all(f"{min(sizes)} rows, 50 needed" in verdict.why for verdict in verdicts)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_judges_the_named_columns_and_tells_of_each(name: str) -> None:
    heard: list[str] = []
    verdicts = get_preset(name, ["plan", "amount"]).judge(rows(1000), rows(300), heard.append)
    assert [verdict.name for verdict in verdicts] == ["plan", "amount"] == heard


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="calibrated, evidently_default, nannyml_default"):
        get_preset("vibes")


AS_READ: dict[str, Callable[[pd.DatetimeIndex], Any]] = {
    "times": lambda times: times,
    "times with a zone": lambda times: times.tz_localize("Europe/Berlin"),
    "days": lambda times: times.date,
}


@pytest.mark.parametrize("kind", AS_READ)
def test_a_clock_that_goes_on_is_not_judged_and_dates_of_the_same_time_are(kind: str) -> None:
    random = np.random.default_rng(21)
    read = AS_READ[kind]
    days = pd.date_range("2026-01-01", periods=2000, freq="12h")
    reference = pd.DataFrame({"at": read(days), "due": read(days[random.integers(0, 2000, 2000)])})
    later = days[-1] + (days - days[0])
    current = pd.DataFrame({"at": read(later), "due": read(days[random.integers(1500, 2000, 2000)])})
    verdicts = {verdict.name: verdict for verdict in get_preset("calibrated").judge(reference, current)}
    assert verdicts["at"].finding is Finding.NOT_JUDGED
    assert "a clock, not drift" in verdicts["at"].why
    assert verdicts["due"].drifted
    assert verdicts["due"].why.startswith("moved up: median 2027-05-25 ")


def test_a_day_that_stays_the_same_is_no_clock() -> None:
    day = pd.DataFrame({"day": [date(2026, 1, 1)] * 100})
    (verdict,) = get_preset("calibrated").judge(day, day)
    assert (verdict.status, verdict.drifted) == (Status.OK, False)


def test_times_that_became_numbers_changed_their_type() -> None:
    times = pd.date_range("2026-01-01", periods=200, freq="h")
    numbers = times.astype("datetime64[s]").astype(np.int64)
    (verdict,) = get_preset("calibrated").judge(pd.DataFrame({"at": times}), pd.DataFrame({"at": numbers}))
    assert (verdict.finding, verdict.why) == (Finding.TYPE_CHANGED, "time became numeric")


def test_durations_are_numbers() -> None:
    reference, current = (pd.DataFrame({"took": pd.to_timedelta(RANDOM.gamma(2, by, 500), "s")}) for by in (1, 2))
    (verdict,) = get_preset("calibrated").judge(reference, current)
    assert verdict.drifted


EVENT_TIMES: dict[str, Callable[[pd.Series[Any]], Any]] = {
    "times": lambda times: times,
    "texts": lambda times: times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "days": lambda times: times.dt.date,
    "epoch seconds": lambda times: times.astype("datetime64[s]").astype(np.int64),
    "epoch milliseconds": lambda times: times.astype("datetime64[ms]").astype(np.int64) / 1.0,
}


@pytest.mark.parametrize("kind", EVENT_TIMES)
def test_event_times_are_read_however_they_are_written(kind: str) -> None:
    days = np.repeat(np.arange(31), 200)
    temp = np.random.default_rng(3).normal(np.random.default_rng(4).normal(size=31)[days], 0.3)
    times = pd.Series(pd.Timestamp("2026-01-01") + pd.to_timedelta(days * 24.0, unit="h"))
    rows = pd.DataFrame({"temp": temp, "event_time": EVENT_TIMES[kind](times)})
    verdicts = get_preset("calibrated").judge(rows[:6000], rows[6000:])
    assert [(verdict.name, verdict.drifted) for verdict in verdicts] == [("temp", False)]
    assert get_preset("calibrated", time_column="").judge(rows[["temp"]][:6000], rows[["temp"]][6000:])[0].drifted


@pytest.mark.parametrize("unreadable", ["yesterday", None, math.nan, True])
def test_event_times_that_cannot_be_read_are_told(unreadable: Any) -> None:
    times: list[Any] = [*pd.date_range("2026-01-01", periods=99, freq="h"), unreadable]
    reference = rows(100).assign(event_time=pd.Series(times, dtype=object))
    found = {verdict.name: verdict for verdict in get_preset("calibrated").judge(reference, rows(100))}
    assert found["event_time"].finding is Finding.NOT_JUDGED
    assert "only chance is allowed for" in found["event_time"].why
    assert found["amount"].status is Status.OK


def test_days_that_python_has_no_dates_for_stop_nothing() -> None:
    far = pa.table({"day": pa.array([99_999_999] * 60, pa.date32()), "x": RANDOM.normal(size=60)})
    assert [verdict.status for verdict in get_preset("calibrated").judge(far, far)] == [Status.OK, Status.OK]


def test_another_column_can_hold_the_times() -> None:
    timed = rows(100).assign(at=pd.date_range("2026-01-01", periods=100, freq="h"))
    for name in PRESETS:
        assert "at" not in [verdict.name for verdict in get_preset(name, time_column="at").judge(timed, timed)]
