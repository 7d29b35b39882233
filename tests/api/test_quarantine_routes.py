"""Quarantine over HTTP: what was refused, who may read it, and how little of it is sent back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitor.app.web import Web
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
