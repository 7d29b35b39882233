"""Opening the stores that the settings name."""

from __future__ import annotations

from monitor.app.control import clock, open_database, using_database
from monitor.config import Settings
from monitor.engines import get_engine
from monitor.jobs import Stores
from monitor.lake import Lake

__all__ = ["clock", "open_database", "open_stores", "using_database"]


def open_stores(settings: Settings) -> Stores:
    return Stores(open_database(settings), Lake(settings.lake_root), get_engine(), settings)
