"""The seeded story on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import datetime

import pytest

from monitor.db.database import Database
from tests.dashboards.seeding import seed


@pytest.fixture
def seeded(db: Database, now: datetime) -> Database:
    seed(db, now)
    return db


@pytest.fixture
def seeded_sqlite(sqlite_db: Database, now: datetime) -> Database:
    seed(sqlite_db, now)
    return sqlite_db
