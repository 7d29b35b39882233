"""Whatever the order in which halves come, come again, and the process restarts: each prediction comes out once."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.wire import Half, WirePrediction

from .joining_rig import Buffer, buffer_in, request, response

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LIFE = timedelta(seconds=600)


@st.composite
def calls(draw: st.DrawFn) -> list[Half]:
    """The halves of up to eight calls, some one-sided, some that failed, some whose rows don't match."""
    halves = []
    for number in range(draw(st.integers(1, 8))):
        key, rows = f"call-{number}", draw(st.integers(1, 3))
        asked, answered = request(key, NOW, rows), response(key, NOW, rows)
        match draw(st.sampled_from(["whole", "whole", "nameless", "failed", "unequal", "request", "response"])):
            case "nameless":
                draw(st.sampled_from([asked, answered])).model = None
            case "failed":
                answered.rows = [WirePrediction(status_code=500)]
            case "unequal":
                answered.rows = [WirePrediction(prediction=1)] * (rows + 1)
            case "request":
                answered = asked
            case "response":
                asked = answered
        halves += [asked, answered] if asked is not answered else [asked]
    return halves


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Half], list[Any]]:
    """Halves, and what happens: each of them comes at least once, steps and restarts in between."""
    halves = draw(calls())
    again = draw(st.lists(st.sampled_from(range(len(halves))), max_size=4))
    arrivals = draw(st.permutations([*range(len(halves)), *again]))
    events: list[Any] = []
    for arrival in arrivals:
        events += [halves[arrival], *draw(st.lists(st.sampled_from(["step", "restart", "crash"]), max_size=2))]
    return halves, events


def play(buffer: Buffer, events: list[Any], now: datetime = NOW, tick: timedelta = timedelta(0)) -> datetime:
    for event in events:
        if isinstance(event, Half):
            buffer.put(now, event)
        elif event == "step":
            buffer.joiner.step(now)
        else:
            buffer.restart()
        now += tick
    buffer.joiner.run(now)
    buffer.joiner.run(now + LIFE, most_steps=100)
    return now


def without_repetition(events: list[Any]) -> list[Any]:
    come: set[int] = set()
    once = []
    for event in events:
        if not isinstance(event, Half) or id(event) not in come:
            once.append(event)
            come.add(id(event))
    return once


def sides(halves: list[Half]) -> dict[str, dict[str, Half]]:
    found: dict[str, dict[str, Half]] = {}
    for half in halves:
        found.setdefault(half.key, {})[half.side] = half
    return found


def ids(key: str, rows: int) -> list[str]:
    return [key, *(f"{key}/{place}" for place in range(1, rows))]


def expected(halves: list[Half]) -> tuple[set[str], set[str]]:
    """The predictions that come out, and the calls that are refused."""
    out, refused = set(), set()
    for key, of_call in sides(halves).items():
        counts = [len(half.rows) for half in of_call.values()]
        failed = any(row.status_code == 500 for half in of_call.values() for row in half.rows)
        if len(set(counts)) > 1 and not failed:
            refused.add(key)
        else:
            out |= set(ids(key, len(of_call.get("request", half_of(of_call)).rows)))
    return out, refused


def half_of(of_call: dict[str, Half]) -> Half:
    return next(iter(of_call.values()))


@settings(max_examples=60)
@given(history=histories())
def test_each_prediction_comes_out_once_in_any_order(history: tuple[list[Half], list[Any]]) -> None:
    halves, events = history
    with tempfile.TemporaryDirectory() as folder, buffer_in(Path(folder)) as buffer:
        play(buffer, events)
        first = {record["prediction_id"]: record for record in reversed(buffer.records()) if "model" in record}
        refused = {half["key"] for _, sent in buffer.refused() for half in (sent if isinstance(sent, list) else [])}
        assert buffer.waiting == 0
        # A half that came again after its call was settled gives a record, or a refusal, of an id that is known.
        out, unequal = expected(halves)
        assert set(first) - {each for key in unequal for each in ids(key, 4)} == out
        assert refused == unequal
        for key, of_call in sides(halves).items():
            if len(of_call) == 2 and key in out and of_call["response"].rows[0].status_code is None:
                assert (first[key]["prediction"], first[key]["features"]) == (0, {"age": 0})


@settings(max_examples=40)
@given(history=histories())
def test_without_repetition_each_record_comes_out_exactly_once(history: tuple[list[Half], list[Any]]) -> None:
    halves, events = history
    with tempfile.TemporaryDirectory() as folder, buffer_in(Path(folder)) as buffer:
        play(buffer, without_repetition(events))
        counted = Counter(record["prediction_id"] for record in buffer.records())
        out, unequal = expected(halves)
        assert counted == dict.fromkeys(out, 1)
        assert len(buffer.refused()) == len(unequal)


@settings(max_examples=40)
@given(history=histories(), minutes=st.integers(1, 12))
def test_while_time_passes_every_accepted_half_is_accounted_for(
    history: tuple[list[Half], list[Any]], minutes: int
) -> None:
    halves, events = history
    with tempfile.TemporaryDirectory() as folder, buffer_in(Path(folder)) as buffer:
        play(buffer, events, tick=timedelta(minutes=minutes))
        told = {record["prediction_id"].partition("/")[0] for record in buffer.records()}
        told |= {half["key"] for _, sent in buffer.refused() for half in (sent if isinstance(sent, list) else [])}
        told |= {sent["prediction_id"] for _, sent in buffer.refused() if isinstance(sent, dict)}
        assert buffer.waiting == 0
        assert {half.key for half in halves} <= {each.partition("/")[0] for each in told}
