"""Opening and using the control database: what goes wrong is said in one line, without an address."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from monitor.db.database import Database
from monitor.db.models import AuditEntry
from monitor.errors import ConfigError, Unavailable


def test_a_store_that_fails_is_unavailable_and_names_no_address(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'secret-place.sqlite'}")
    for use in (database.session, database.reading):
        with pytest.raises(Unavailable, match="can't be used now") as caught, use() as session:
            session.execute(text("SELECT * FROM nothing"))
        assert "secret-place" not in str(caught.value)


def test_writes_are_kept_and_a_failed_block_leaves_nothing(db: Database) -> None:
    with db.session() as session:
        session.execute(text("INSERT INTO collector_progress VALUES ('c', 'm', 'k', 1)"))
    with pytest.raises(RuntimeError):
        write_and_fail(db)
    with db.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM collector_progress")) == 1


def write_and_fail(db: Database) -> None:
    with db.session() as session:
        session.execute(text("INSERT INTO collector_progress VALUES ('c', 'm', 'other', 1)"))
        raise RuntimeError("on purpose")


@pytest.mark.parametrize("url", ["nonsense", "mysql://somewhere/db", "sqlite"])
def test_an_address_of_another_kind_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(ConfigError, match="accepted: sqlite"):
        Database(url)


def test_what_json_does_not_know_is_stored_as_null(db: Database, now: datetime) -> None:
    with db.session() as session:
        detail = {"nan": math.nan, "deep": [1.5, -math.inf]}
        session.add(AuditEntry(at=now, actor="key 1", action="tried", target="churn", detail=detail))
    with db.reading() as session:
        assert session.scalars(select(AuditEntry.detail)).one() == {"nan": None, "deep": [1.5, None]}
