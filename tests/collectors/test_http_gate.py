"""A sender whose every record is bad, and a collector under pressure, over HTTP: nothing is stored, and it recovers."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from collectors.gate import Gate
from collectors.pressure import Load, Pressure
from collectors.sources.http import Door
from monitor.access import KeyRing
from monitor.db import keys
from monitor.db.keys import Role

from .conftest import MakeRig, Rig, prediction
from .test_http_source import Client

pytestmark = pytest.mark.skipif("gate" not in inspect.signature(Door).parameters, reason="the door has no gate yet")


@dataclass
class Gated:
    """A collector behind its gate, whose clock the test moves."""

    rig: Rig
    gate: Gate
    pressure: Pressure

    def post(self, sent: Any, path: str = "/v1/predictions?model=income", host: str = "10.0.0.7", key: str = "") -> Any:
        door: Any = Door
        app = door(Starlette(), self.rig.collector, KeyRing(self.rig.db, 0), lambda: self.rig.now, self.gate)
        return Client(app, host).post(path, json=sent, headers={"authorization": f"Bearer {key}"} if key else {})

    def wait(self, seconds: float) -> None:
        self.rig.now += timedelta(seconds=seconds)


@pytest.fixture
def gated(make_rig: MakeRig) -> Gated:
    rig = make_rig(pause_after_records=4)
    pressure = Pressure(rig.settings)
    return Gated(rig, Gate(rig.settings, pressure), pressure)


@pytest.fixture
def key(gated: Gated) -> str:
    with gated.rig.db.session() as session:
        return keys.create_key(session, "sender", Role.INGEST, gated.rig.now)


def test_a_paused_sender_gets_429_with_the_reason_and_nothing_more_is_stored(gated: Gated, key: str) -> None:
    for wait in (10, 0):
        assert gated.post([{"oops": 1}, {"oops": 2}], key=key).status_code == 422
        gated.wait(wait)
    kept = len(gated.rig.inbox.refused())
    answer = gated.post([{"oops": 1}], key=key)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert answer.json()["error"].startswith("paused: the last 4 records from here were refused")
    assert "unknown key 'oops'" in answer.json()["error"]
    assert len(gated.rig.inbox.refused()) == kept == 4
    assert gated.gate.pauses.all()[0].source == (key[:17], "income", "application/json")


def test_other_models_and_other_keys_are_taken_meanwhile(gated: Gated, key: str) -> None:
    with gated.rig.db.session() as session:
        other = keys.create_key(session, "other", Role.INGEST, gated.rig.now)
    gated.post([{"oops": 1}, {"oops": 2}], key=key)
    gated.wait(10)
    gated.post([{"oops": 1}, {"oops": 2}], key=key)
    good = [prediction("a")]
    assert gated.post(good, key=key).status_code == 429
    assert gated.post(good, "/v1/predictions?model=churn", key=key).status_code == 202
    assert gated.post(good, key=other).status_code == 202


def test_a_mended_sender_goes_on_with_its_next_try(gated: Gated, key: str) -> None:
    gated.post([{"oops": 1}, {"oops": 2}], key=key)
    gated.wait(10)
    gated.post([{"oops": 1}, {"oops": 2}], key=key)
    gated.wait(31)
    assert gated.post([prediction("a")], key=key).status_code == 202
    assert gated.post([prediction("b")], key=key).status_code == 202
    assert gated.gate.pauses.all() == []


def test_a_full_disk_is_503_until_there_is_room(gated: Gated, key: str) -> None:
    gated.pressure.measured(Load(free_bytes=0))
    answer = gated.post([prediction("a")], key=key)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["error"].startswith("the disk is nearly full")
    assert gated.rig.inbox.records_waiting() == 0
    gated.pressure.measured(Load())
    assert gated.post([prediction("a")], key=key).status_code == 202


def test_requests_leave_the_gate_however_they_end(gated: Gated, key: str) -> None:
    for sent in ([prediction("a")], "nonsense", [{"oops": 1}]):
        gated.post(sent, key=key)
    assert (gated.gate._requests, gated.gate._bytes) == (0, 0)
