"""The gate in front of a source that is pushed to: pressure and pauses answered, counted, logged once, and shown."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from collectors.collector import Request, Taken
from collectors.gate import Gate, GateMetrics
from collectors.pause_notice import PauseNotice
from collectors.pressure import Load, Pressure
from monitor.config import CollectorSettings
from monitor.db.database import Database
from monitor.db.pauses import read_pauses
from monitor.lake import Kind

from .conftest import Rig

SETTINGS = CollectorSettings(pause_after_records=3, max_requests_in_flight=2)


def source() -> tuple[str, str, str]:
    return "10.0.0.7", "churn", "json"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def gate(registry: CollectorRegistry) -> Gate:
    return Gate(SETTINGS, Pressure(SETTINGS), GateMetrics(registry))


def taken(rig: Rig, body: bytes) -> Taken:
    return rig.collector.take(body, Request(kind=Kind.PREDICTIONS, received_at=rig.now, source="http"))


def refuse(gate: Gate, rig: Rig, seconds: float) -> None:
    gate.note(source, taken(rig, b"[1, 2]"), rig.now + timedelta(seconds=seconds))


def test_a_source_is_turned_away_while_it_is_paused_and_that_is_said_and_counted_once(
    gate: Gate, rig: Rig, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "collectors.gate"):
        for second in (0, 10, 10, 10):
            refuse(gate, rig, second)
        told = gate.check(source, rig.now + timedelta(seconds=15))
        assert told is not None
        assert (told.status, told.retry_after) == (429, 25)
        assert told.reason.startswith("paused: the last 8 records from here were refused and none was accepted")
        assert registry.get_sample_value("kedge_paused_sources") == 1
        assert gate.check(lambda: ("10.0.0.8", "churn", "json"), rig.now) is None
        gate.note(source, taken(rig, b'{"model": "m", "prediction": 1}'), rig.now + timedelta(seconds=40))
    assert gate.check(source, rig.now + timedelta(seconds=41)) is None
    said = [record.getMessage() for record in caplog.records]
    assert [line[:36] for line in said] == [
        "source 10.0.0.7 churn json is paused",
        "source 10.0.0.7 churn json goes on: ",
    ]
    assert registry.get_sample_value("kedge_turned_away_total", {"why": "paused"}) == 1
    assert registry.get_sample_value("kedge_pauses_total") == 1
    assert registry.get_sample_value("kedge_paused_sources") == 0


def test_what_is_in_flight_counts_against_the_next_one(gate: Gate, now: datetime) -> None:
    gate.enter(10)
    gate.enter(0)
    told = gate.check(source, now)
    assert told is not None
    assert (told.status, "2 requests are being worked on" in told.reason) == (429, True)
    gate.leave(10)
    assert gate.check(source, now) is None


def test_pressure_uses_up_no_probe_of_a_paused_source(rig: Rig, registry: CollectorRegistry) -> None:
    pressure = Pressure(SETTINGS)
    gate = Gate(SETTINGS, pressure, GateMetrics(registry))
    refuse(gate, rig, 0)
    refuse(gate, rig, 10)
    pressure.measured(Load(free_bytes=0))
    told = gate.check(source, rig.now + timedelta(seconds=40))
    assert told is not None
    assert told.status == 503
    assert registry.get_sample_value("kedge_turned_away_total", {"why": "pressure"}) == 1
    pressure.measured(Load())
    assert gate.check(source, rig.now + timedelta(seconds=40)) is None


def test_the_control_database_is_told_of_news_and_now_and_again(db: Database, gate: Gate, rig: Rig) -> None:
    notice = PauseNotice(db, "c" * 60, gate.pauses.all)
    later = [rig.now + timedelta(seconds=second) for second in range(0, 400, 10)]
    assert not notice.say(later[0])
    refuse(gate, rig, 0)
    refuse(gate, rig, 10)
    assert [notice.say(at) for at in later[1:4]] == [True, False, False]
    assert notice.say(later[1] + timedelta(minutes=1))
    with db.reading() as session:
        (pause,) = read_pauses(session, later[2])
    assert (pause.source, pause.refused) == ("10.0.0.7 churn json", 4)
    gate.note(source, taken(rig, b'{"model": "m", "prediction": 1}'), later[20])
    assert [notice.say(later[20]), notice.say(later[39])] == [True, False]
    with db.reading() as session:
        assert read_pauses(session, later[20]) == []
