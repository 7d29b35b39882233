"""Quarantine over HTTP: what was refused, who may read it, and how little of it is sent back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.app.web import Web
from monitor.db.audit import latest_actions
from monitor.db.keys import Role
from monitor.db.quarantine import RefusedRecord, add_refusals

from .conftest import Api

T0 = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def refused(web: Web) -> None:
    rows = [
        RefusedRecord(1, T0, "http", "churn", "predictions", "no prediction", b'{"model": "churn"}'),
        RefusedRecord(2, T0, "http", None, "predictions", "no model", b"\xff" + b"x" * 70_000),
    ]
    with web.db.session() as session:
        add_refusals(session, "collector", rows)


@pytest.mark.usefixtures("refused")
def test_refused_records_are_listed_newest_first_with_what_was_sent(api: Api) -> None:
    rows = api.get("/v1/quarantine").json()
    assert [(row["model"], row["reason"]) for row in rows] == [(None, "no model"), ("churn", "no prediction")]
    assert rows[1]["payload"] == '{"model": "churn"}'
    assert [row["id"] for row in api.get("/v1/quarantine?model=churn").json()] == [rows[1]["id"]]
    assert len(api.get("/v1/quarantine?limit=1").json()) == 1
    assert api.get("/v1/quarantine?model=unknown").json() == []


@pytest.mark.usefixtures("refused")
def test_one_record_is_bounded_text(api: Api) -> None:
    row = api.get("/v1/quarantine/2").json()
    assert row["payload"].startswith("\\xffxxx")
    assert (row["payload_bytes"], row["is_cut"]) == (70_001, True)
    assert len(row["payload"]) < 66_000


@pytest.mark.usefixtures("refused")
def test_one_record_is_for_those_who_may_read(api: Api) -> None:
    callers = [api.with_key(role) for role in (Role.INGEST, Role.READ, Role.ADMIN)]
    assert [who.get("/v1/quarantine/1").status_code for who in callers] == [403, 200, 200]
    assert Api(api.web, "10.0.0.7").get("/v1/quarantine/1").status_code == 401


@pytest.mark.usefixtures("refused")
def test_replaying_and_dropping_are_for_admins(api: Api) -> None:
    callers = [api.with_key(role) for role in (Role.INGEST, Role.READ)]
    for path in ("/v1/quarantine/replay", "/v1/quarantine/drop"):
        assert [who.post(path, json={"all": True}).status_code for who in callers] == [403, 403]
    assert len(callers[1].get("/v1/quarantine").json()) == 2


@pytest.mark.usefixtures("refused")
def test_records_are_replayed_into_the_inbox_of_the_process(api: Api) -> None:
    path = "/v1/quarantine/replay"
    counts = {"selected": 2, "taken": 1, "records": 1, "again": 1, "not_whole": 0}
    assert api.post(path, json={"all": True, "dry_run": True}).json() == counts
    assert len(api.get("/v1/quarantine").json()) == 2
    assert api.post(path, json={"all": True}).json() == counts
    (row,) = api.get("/v1/quarantine").json()
    assert row["id"] == 2
    api.web.api.state.replay = None
    assert api.post(path, json={"all": True}).status_code == 409


@pytest.mark.usefixtures("refused")
def test_records_are_dropped_and_it_is_noted(api: Api) -> None:
    assert api.post("/v1/quarantine/drop", json={"model": "churn", "reason": "PREDICTION"}).json() == {"dropped": 1}
    assert api.post("/v1/quarantine/drop", json={"ids": [1]}).json() == {"dropped": 0}
    with api.web.db.reading() as session:
        entry = latest_actions(session)[0]
    assert (entry.actor, entry.action, entry.detail["selection"]) == (
        "anonymous", "quarantine.dropped", {"model": "churn", "reason": "given"})  # fmt: skip


@pytest.mark.parametrize(
    "body", [{}, {"all": True, "model": "m"}, {"ids": [0]}, {"ids": ["x"]}, {"since": "2026-03-04"}]
)
@pytest.mark.parametrize("path", ["/v1/quarantine/replay", "/v1/quarantine/drop"])
def test_a_choice_that_is_none_is_422(api: Api, path: str, body: dict[str, object]) -> None:
    assert api.post(path, json=body).status_code == 422
