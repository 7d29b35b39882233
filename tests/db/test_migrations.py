"""Migrations build exactly the tables the models describe, on both databases."""

from __future__ import annotations

from datetime import datetime

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from monitor.db.database import Database, migration_config
from monitor.db.models import Base
from monitor.db.quarantine import RefusedRecord, add_refusals, list_refusals


def test_migrated_tables_equal_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrade_is_repeatable_and_reports_the_newest_revision(db: Database) -> None:
    db.upgrade()
    at, newest = db.revision()
    assert at == newest is not None


def test_refused_records_of_the_first_release_are_still_there(db: Database, now: datetime) -> None:
    with db.engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO quarantine (collector_id, inbox_id, received_at, source, model, kind, reason, payload)"
                " VALUES ('c', 7, '2026-03-04 12:00:00', 'http', 'm', 'predictions', 'too long', :payload)"
            ),
            {"payload": b"{}"},
        )
    db.upgrade()
    with db.session() as session:
        new = [RefusedRecord(number, now, "http", "m", "predictions", "new", b"", "csv") for number in (7, 8)]
        assert add_refusals(session, "c", new[1:]) == 1
        rows = [(row.inbox_id, row.payload, row.log_format) for row in list_refusals(session)]
    assert sorted(rows) == [(7, b"{}", ""), (8, b"", "csv")]


def test_downgrade_removes_every_table_and_upgrade_brings_them_back(db: Database) -> None:
    with db.engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    db.upgrade()
    assert "incidents" in inspect(db.engine).get_table_names()
