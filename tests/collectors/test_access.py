"""Who may call the collector and the API."""

from __future__ import annotations

import base64
from datetime import datetime

import pytest
from sqlalchemy import text

from monitor.access import AccessDenied, Caller, KeyRing, is_loopback
from monitor.db import keys
from monitor.db.database import Database
from monitor.db.keys import Role
from monitor.errors import Unavailable

HERE = "127.0.0.1"


def basic(key: str) -> dict[str, str]:
    """As a logger sends it that was given the address http://kedge:KEY@host."""
    return {"authorization": "Basic " + base64.b64encode(f"kedge:{key}".encode()).decode()}


def make_key(db: Database, role: Role, now: datetime) -> str:
    with db.session() as session:
        return keys.create_key(session, "test", role, now)


def denied(ring: KeyRing, headers: dict[str, str], host: str | None = HERE, needed: Role = Role.INGEST) -> int:
    with pytest.raises(AccessDenied) as caught:
        ring.authorize(headers, host, needed)
    assert not any(len(value) > 20 and value in str(caught.value) for value in headers.values())
    return caught.value.status


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_may_do_everything(sqlite_db: Database, host: str) -> None:
    assert KeyRing(sqlite_db).authorize({}, host, Role.ADMIN) == Caller(Role.ADMIN, anonymous=True)


@pytest.mark.parametrize("host", ["10.0.0.7", "8.8.8.8", "testclient", "", None])
def test_without_keys_other_machines_may_do_nothing(sqlite_db: Database, host: str | None) -> None:
    assert denied(KeyRing(sqlite_db), {}, host) == 401
    assert not is_loopback(host)


def test_a_foreign_web_page_on_this_machine_may_do_nothing(sqlite_db: Database) -> None:
    ring = KeyRing(sqlite_db)
    assert denied(ring, {"origin": "https://evil.example"}) == 403
    assert denied(ring, {"origin": "null"}) == 403
    assert ring.authorize({"origin": "http://localhost:8601"}, HERE, Role.READ).anonymous
    assert ring.authorize({"origin": "http://127.0.0.1:8601"}, HERE, Role.READ).anonymous


def test_once_there_is_a_key_nobody_is_anonymous(db: Database, now: datetime) -> None:
    make_key(db, Role.READ, now)
    assert denied(KeyRing(db), {}) == 401


def test_a_key_comes_as_bearer_or_x_api_key_from_anywhere(db: Database, now: datetime) -> None:
    key = make_key(db, Role.INGEST, now)
    ring = KeyRing(db)
    for headers in (
        {"authorization": f"Bearer {key}"},
        {"authorization": f"bearer  {key} "},
        {"x-api-key": key},
        basic(key),
    ):
        assert ring.authorize(headers, "8.8.8.8", Role.INGEST) == Caller(Role.INGEST)


@pytest.mark.parametrize(
    ("role", "needed", "allowed"),
    [
        (Role.INGEST, Role.INGEST, True),
        (Role.INGEST, Role.READ, False),
        (Role.INGEST, Role.ADMIN, False),
        (Role.READ, Role.INGEST, False),
        (Role.ADMIN, Role.INGEST, True),
        (Role.ADMIN, Role.READ, True),
    ],
)
def test_a_key_may_do_what_its_role_says(
    sqlite_db: Database, now: datetime, role: Role, needed: Role, allowed: bool
) -> None:
    headers = {"x-api-key": make_key(sqlite_db, role, now)}
    ring = KeyRing(sqlite_db)
    if allowed:
        assert ring.authorize(headers, HERE, needed).role is role
    else:
        assert denied(ring, headers, needed=needed) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "kedge_ingest_" + "x" * 43},
        {"authorization": "Bearer " + "y" * 43},
        {"authorization": "Basic dXNlcjpwYXNzd29yZHBhc3N3b3Jk"},
        {"authorization": "Bearer"},
        {"authorization": "Basic"},
        {"authorization": "Basic ???"},
        basic(""),
        basic("wrong"),
        {"authorization": ""},
        {"x-api-key": "schlüssel-\udcff-\x00"},
    ],
)
def test_a_wrong_key_is_refused_even_on_this_machine(sqlite_db: Database, headers: dict[str, str]) -> None:
    assert denied(KeyRing(sqlite_db), headers) == 401


def test_revoked_and_new_keys_are_noticed_after_the_refresh_time(sqlite_db: Database, now: datetime) -> None:
    time = [0.0]
    key = make_key(sqlite_db, Role.INGEST, now)
    ring = KeyRing(sqlite_db, refresh_seconds=5, clock=lambda: time[0])
    ring.authorize({"x-api-key": key}, HERE, Role.INGEST)
    with sqlite_db.session() as session:
        keys.revoke_key(session, 1, now)
        second = keys.create_key(session, "second", Role.INGEST, now)
    time[0] = 4.9
    ring.authorize({"x-api-key": key}, HERE, Role.INGEST)
    time[0] = 5.0
    assert denied(ring, {"x-api-key": key}) == 401
    ring.authorize({"x-api-key": second}, HERE, Role.INGEST)


def test_known_keys_stay_valid_while_the_database_is_away(sqlite_db: Database, now: datetime) -> None:
    time = [0.0]
    key = make_key(sqlite_db, Role.INGEST, now)
    ring = KeyRing(sqlite_db, refresh_seconds=5, clock=lambda: time[0])
    ring.refresh()
    with sqlite_db.session() as session:
        session.execute(text("DROP TABLE api_keys"))
    time[0] = 60
    assert ring.authorize({"x-api-key": key}, HERE, Role.INGEST).role is Role.INGEST
    with pytest.raises(Unavailable, match="the API keys can't be read"):
        KeyRing(sqlite_db).authorize({}, HERE, Role.INGEST)
