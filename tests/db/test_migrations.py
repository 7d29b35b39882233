"""Migrations build exactly the tables the models describe, on both databases."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from monitor.db.database import Database, migration_config
from monitor.db.models import Base


def test_migrated_tables_equal_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrade_is_repeatable_and_reports_the_newest_revision(db: Database) -> None:
    db.upgrade()
    at, newest = db.revision()
    assert at == newest is not None


def test_downgrade_removes_every_table_and_upgrade_brings_them_back(db: Database) -> None:
    with db.engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    db.upgrade()
    assert "incidents" in inspect(db.engine).get_table_names()
