"""The keys of a first start: made once, shown once."""

from __future__ import annotations

from datetime import datetime

import pytest

from monitor.app.first_run import make_first_keys
from monitor.cli.processes import show_keys
from monitor.db import keys
from monitor.db.database import Database
from monitor.db.keys import Role
from monitor.db.models import AuditEntry


def test_the_first_start_makes_both_keys_and_later_ones_none(db: Database, now: datetime) -> None:
    made = make_first_keys(db, now)
    assert made is not None
    with db.reading() as session:
        valid = keys.valid_keys(session)
        assert valid == {keys.digest(made.ingest): Role.INGEST, keys.digest(made.admin): Role.ADMIN}
        (entry,) = session.query(AuditEntry).all()
    assert entry.action == "key.created"
    assert make_first_keys(db, now) is None


def test_keys_that_were_revoked_are_not_replaced_behind_the_owner_s_back(sqlite_db: Database, now: datetime) -> None:
    make_first_keys(sqlite_db, now)
    with sqlite_db.session() as session:
        for key in keys.list_keys(session):
            keys.revoke_key(session, key.id, now)
    assert make_first_keys(sqlite_db, now) is None


def test_both_keys_are_shown_whole(sqlite_db: Database, now: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    made = make_first_keys(sqlite_db, now)
    assert made is not None
    show_keys(made)
    said = capsys.readouterr().out
    assert f"ingest key  {made.ingest}" in said
    assert f"admin key   {made.admin}" in said
