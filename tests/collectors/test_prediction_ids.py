"""The index of prediction ids: the first owner stays the owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.inbox_file import micros, moment
from collectors.prediction_ids import MEMORY, PredictionIds
from monitor.errors import Unavailable

Claim = tuple[str, int, datetime]


def claim(ids: PredictionIds, claims: list[Claim], now: datetime) -> list[bool]:
    times = np.array([micros(at) for _, _, at in claims], np.int64)
    rows = np.array([row for _, row, _ in claims], np.int64)
    return ids.claim("m", [each for each, _, _ in claims], rows, times, now).tolist()


def known(ids: PredictionIds, model: str, names: list[str]) -> list[datetime]:
    return [moment(int(at)) for at in ids.moments(model, names)]


@pytest.fixture
def ids(tmp_path: Path) -> Iterator[PredictionIds]:
    opened = PredictionIds(tmp_path / "ids.sqlite", "c")
    yield opened
    opened.close()


def test_claiming_again_decides_the_same(ids: PredictionIds, now: datetime) -> None:
    claims = [("a", 1, now), ("a", 1, now), ("b", 1, now), ("a", 2, now), ("c", 2, now)]
    assert claim(ids, claims[:3], now) == [True, False, True]
    assert claim(ids, claims, now) == [True, False, True, False, True]
    assert claim(ids, claims, now) == [True, False, True, False, True]
    assert claim(ids, [], now) == []


def test_event_times_are_those_of_the_first_owner(ids: PredictionIds, now: datetime) -> None:
    claim(ids, [("a", 1, now), ("a", 2, now + timedelta(1))], now)
    assert known(ids, "m", ["a", "unknown"]) == [now]
    assert known(ids, "other", ["a"]) == []


def test_old_ids_are_forgotten(ids: PredictionIds, now: datetime) -> None:
    claim(ids, [("old", 1, now)], now)
    claim(ids, [("new", 2, now)], now + timedelta(days=1))
    ids.forget_old(now + MEMORY + timedelta(hours=1))
    assert known(ids, "m", ["old"]) == []
    assert known(ids, "m", ["new"]) == [now]


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), max_size=6), data=st.data())
def test_however_the_passes_are_cut_and_repeated_every_id_is_owned_exactly_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], data: st.DataObject
) -> None:
    now = datetime.fromisoformat("2026-03-04T12:00:00+00:00")
    ids = PredictionIds(tmp_path_factory.mktemp("ids") / "ids.sqlite", "c")
    claims = [(each, number, now) for number, row in enumerate(rows, start=1) for each in row]
    owned: list[str] = []
    done = 0
    while done < len(rows):
        through = data.draw(st.integers(done + 1, len(rows)))
        pending = [each for each in claims if done < each[1]]
        abandoned = data.draw(st.integers(done, len(rows)))  # a pass that was killed after it had claimed
        claim(ids, [each for each in pending if each[1] <= abandoned], now)
        now_pending = [each for each in pending if each[1] <= through]
        kept = claim(ids, now_pending, now)
        owned += [each for (each, _, _), own in zip(now_pending, kept, strict=True) if own]
        done = through
    assert sorted(owned) == sorted({each for each, _, _ in claims})
    ids.close()


def test_an_index_that_can_not_be_opened_is_not_taken_for_one_that_is_held(tmp_path: Path) -> None:
    (tmp_path / "ids.sqlite").mkdir()
    with pytest.raises(Unavailable, match="can't be used: unable to open database file"):
        PredictionIds(tmp_path / "ids.sqlite", "c")
