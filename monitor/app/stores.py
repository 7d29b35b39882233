"""Opening the stores that the settings name."""

from __future__ import annotations

from datetime import UTC, datetime

from monitor.config import Settings
from monitor.db.database import Database
from monitor.engines import get_engine
from monitor.jobs import Stores
from monitor.lake import Lake


def clock() -> datetime:
    return datetime.now(UTC)


def open_database(settings: Settings) -> Database:
    """The control database, brought up to date."""
    database = Database(settings.control_url)
    database.upgrade()
    return database


def open_stores(settings: Settings) -> Stores:
    return Stores(open_database(settings), Lake(settings.lake_root), get_engine(), settings)
